import pytest
from realtime.hub import Hub
from stand_ins import EPOCH, Clock, Counted, Recorder


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def hub(clock: Clock, counted: Counted) -> Hub:
    made = Hub(clock, counted)
    made.restart("ORDERS", EPOCH, floor=100, floor_ms=clock.now - 60_000)
    made.restart("USDA", "USDA.e1", floor=0, floor_ms=clock.now - 60_000)
    return made


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()

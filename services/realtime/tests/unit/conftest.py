import pytest
from realtime.hub import Hub
from stand_ins import Clock, Recorder


@pytest.fixture
def hub(clock: Clock) -> Hub:
    made = Hub(clock)
    made.restart("ORDERS", "ORDERS.e1", floor=100, floor_ms=clock.now - 60_000)
    made.restart("USDA", "USDA.e1", floor=0, floor_ms=clock.now - 60_000)
    return made


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()

"""A sender that does not wait."""

from collections.abc import Iterator

import pytest
from faulty_relay import FaultyRelay
from notify.queueing import pause, policy
from notify.sending import sender


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for due messages without a pause worth waiting for."""
    monkeypatch.setattr(sender, "IDLE_POLL_S", 0.03)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for a moment instead of a minute."""
    monkeypatch.setattr(policy, "BACK_OFF_S", (0.05,))
    monkeypatch.setattr(policy, "IN_DOUBT_AGAIN_S", 0.2)
    monkeypatch.setattr(pause, "FIRST_PAUSE_S", 0.05)


@pytest.fixture
def second() -> Iterator[FaultyRelay]:
    """A relay beside the usual one."""
    server = FaultyRelay()
    server.start()
    yield server
    server.stop()

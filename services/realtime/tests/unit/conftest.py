"""Watchers that keep what they were told, in place of sockets."""

from typing import Any

import orjson
import pytest

from realtime.hub import Hub
from realtime.projection import News

STREAM, EPOCH = "ORDERS", "ORDERS.e1"


class Recorder:
    """A watcher without a socket."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def deliver(self, frame: bytes) -> None:
        self.frames.append(orjson.loads(frame))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for frame in self.frames for message in frame.get("b", [])]

    @property
    def offsets(self) -> list[int]:
        return [message["o"] for message in self.messages]


def stock(channel: str, offer_id: str, remaining: int, version: int) -> News:
    return News(channel, "offer", {"offer_id": offer_id, "remaining": remaining}, version, f"offer:{offer_id}")


def urgent(channel: str, order_id: str, version: int = 1) -> News:
    return News(channel, "order", {"order_id": order_id}, version)


@pytest.fixture
def hub(clock: Any) -> Hub:
    made = Hub(clock)
    made.restart(STREAM, EPOCH, floor=100, floor_ms=clock.now - 60_000)
    made.restart("USDA", "USDA.e1", floor=0, floor_ms=clock.now - 60_000)
    return made


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def make_recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def news() -> Any:
    """Return the two kinds of news: ``stock`` waits for the tick, ``urgent`` doesn't."""

    class Kinds:
        stock = staticmethod(stock)
        urgent = staticmethod(urgent)

    return Kinds

"""One stream, read in order and without gaps, for as long as the process lives.

A feed is an ephemeral pull consumer of its own that nobody acknowledges (AckNone): every process reads everything,
and its place is "the last sequence I saw", which it keeps itself. Whatever goes wrong (a gap in the consumer's
sequence, silence in spite of heartbeats, a reconnection, the consumer or the stream gone) has one remedy: make a new
consumer that starts after that place. nats-py's own ordered consumer is not used because it does not notice missed
heartbeats (github.com/nats-io/nats.py/issues/510).
"""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from mercadito_events.connection import ensure_open
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeoutError

from realtime import consumers
from realtime.consumers import BATCH, Broken, unix_ms
from realtime.metrics import Metrics
from realtime.ring import RING_AGE_S

SILENCE_S = 5.0
LISTEN_S = 0.5
RETRY_MIN_S, RETRY_MAX_S = 0.1, 2.0
LOST_S = 5.0
"""A feed that heard nothing, not even a heartbeat, for so long keeps the process from being ready."""

_log = structlog.get_logger(__name__)


class Desk(Protocol):
    """Whoever takes the messages."""

    def restart(self, stream: str, epoch: str, floor: int, floor_ms: int) -> None:
        """Begin anew: the next message is the first after ``floor``."""

    def take(self, stream: str, offset: int, at_ms: int, message: Msg, *, is_live: bool) -> None:
        """Take the next message; ``is_live`` is False for those that were there before we came."""


@dataclass(slots=True)
class _Place:
    """Everything of the stream's incarnation ``epoch`` up to ``seen`` was handed on."""

    epoch: str
    seen: int


@dataclass(slots=True)
class _Consumer:
    """A consumer on the server, and what is known of it here.

    ``begins`` tells that it starts the stream anew: its first message shows where. ``to_load`` counts those that were
    there before it.
    """

    name: str
    epoch: str
    floor_ms: int
    begins: bool
    last: int
    to_load: int
    sequence: int = 0
    asked_for: int = 0


class Feed:
    """Reads one stream into a desk."""

    def __init__(self, nc: Client, stream: str, desk: Desk, metrics: Metrics) -> None:
        self._nc, self.stream, self._desk, self._metrics = nc, stream, desk, metrics
        self._place: _Place | None = None
        self._is_loaded = False
        self._heard_at = time.monotonic()
        self._lag_s = 0.0

    def problem(self) -> str | None:
        """Say what keeps this feed from being up to date."""
        if not self._is_loaded:
            return f"the recent events of {self.stream} are not read yet"
        is_lost = time.monotonic() - self._heard_at > LOST_S
        return f"{self.stream} can't be read" if is_lost else None

    def lag_s(self) -> float:
        """Return how old the message read last was when it was read; 0 once nothing waits behind it."""
        return self._lag_s

    async def run(self) -> None:
        """Read for ever.

        Raises:
            NatsClosed: the connection will never come back.

        """
        wait_s = RETRY_MIN_S
        while True:
            began = time.monotonic()
            try:
                await self._follow()
            except (Error, Broken, OSError) as problem:
                ensure_open(self._nc)
                wait_s = RETRY_MIN_S if self._heard_at > began else min(RETRY_MAX_S, wait_s * 2)
                self._metrics.rebuilds.labels(self.stream).inc()
                _log.warning("feed_broken", stream=self.stream, problem=f"{type(problem).__name__}: {problem}")
                await asyncio.sleep(random.uniform(wait_s / 2, wait_s))

    async def _follow(self) -> None:
        reconnects = self._nc.stats["reconnects"]
        async with consumers.listening(self._nc) as subscription:
            consumer = await self._make_consumer()
            try:
                await self._pull(consumer, subscription.subject)
                await self._read(subscription, consumer, reconnects)
            finally:
                await consumers.delete(self._nc, self.stream, consumer.name)

    async def _make_consumer(self) -> _Consumer:
        """Make a consumer that goes on where we are, or, if that place is gone, begins some minutes ago."""
        extent = await consumers.extent(self._nc, self.stream)
        place, oldest = self._place, datetime.now(UTC) - timedelta(seconds=RING_AGE_S)
        goes_on = (
            place is not None
            and place.epoch == extent.epoch
            and extent.first <= place.seen + 1
            and place.seen <= extent.last
        )
        start = consumers.after(place.seen) if place is not None and goes_on else consumers.since(oldest)
        name, to_load = await consumers.create(self._nc, self.stream, start)
        consumer = _Consumer(name, extent.epoch, unix_ms(oldest), not goes_on, extent.last, to_load)
        if consumer.begins and not consumer.to_load:
            self._begin(consumer, floor=extent.last)
        return consumer

    def _begin(self, consumer: _Consumer, floor: int) -> None:
        consumer.begins = False
        self._place = _Place(consumer.epoch, floor)
        self._desk.restart(self.stream, consumer.epoch, floor, consumer.floor_ms)

    async def _pull(self, consumer: _Consumer, inbox: str) -> None:
        consumer.asked_for = BATCH
        await consumers.pull(self._nc, self.stream, consumer.name, inbox)

    async def _read(self, subscription: Subscription, consumer: _Consumer, reconnects: int) -> None:
        made_at = time.monotonic()
        while True:
            self._note_progress(consumer)
            try:
                message = await subscription.next_msg(timeout=LISTEN_S)
            except NatsTimeoutError:
                if self._nc.stats["reconnects"] != reconnects:
                    raise Broken("the connection was lost in between") from None
                if self._nc.is_connected and time.monotonic() - max(made_at, self._heard_at) > SILENCE_S:
                    raise Broken("no message and no heartbeat") from None
                continue
            self._heard_at = time.monotonic()
            if message.reply.startswith("$JS.ACK."):
                self._take(consumer, message)
            else:
                self._heed(consumer, message.headers or {})
            if not consumer.asked_for:
                await self._pull(consumer, subscription.subject)

    def _note_progress(self, consumer: _Consumer) -> None:
        if not consumer.to_load and not self._is_loaded:
            self._is_loaded = True
            _log.info("feed_loaded", stream=self.stream, epoch=consumer.epoch, floor_ms=consumer.floor_ms)

    def _take(self, consumer: _Consumer, message: Msg) -> None:
        place = message.metadata
        consumer.sequence += 1
        consumer.asked_for -= 1
        if place.sequence.consumer != consumer.sequence:
            raise Broken(f"message {place.sequence.consumer} of the consumer came in place of {consumer.sequence}")
        offset = place.sequence.stream
        if consumer.begins:
            self._begin(consumer, floor=offset - 1)
        self._lag_s = (datetime.now(UTC) - place.timestamp).total_seconds() if place.num_pending else 0.0
        self._desk.take(self.stream, offset, unix_ms(place.timestamp), message, is_live=not consumer.to_load)
        consumer.to_load = max(0, consumer.to_load - 1)
        self._place = _Place(consumer.epoch, offset)

    def _heed(self, consumer: _Consumer, headers: Mapping[str, str]) -> None:
        """Heed a message that the server sends about the consumer (ADR-9, ADR-13 of nats-architecture-and-design)."""
        match headers.get("Status"):
            case "100":
                delivered = headers.get("Nats-Last-Consumer")
                if delivered is not None and int(delivered) != consumer.sequence:
                    raise Broken(f"{delivered} messages were sent, {consumer.sequence} came")
                if consumer.begins:  # what was pending has been deleted meanwhile
                    self._begin(consumer, floor=consumer.last)
                consumer.to_load = 0
            case "404" | "408":
                consumer.asked_for = 0
            case status:
                raise Broken(f"{status} {headers.get('Description', '')}".strip())

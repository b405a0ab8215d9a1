"""One client of ``/sse``: the same frames as a socket's, as events with ids, under the same rules for slow readers."""

import random
import secrets
import time
from asyncio import Event, Transport
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from mercadito_events.service.identity import Identity

from realtime import protocol
from realtime.hub import Hub
from realtime.protocol import Close, Frame, Position, Wish
from realtime.session import AGE_SPREAD, CLOSE_S, MAX_AGE_S, MOVE_MS, STALL_S
from realtime.subscriber import Archive, Subscriber
from realtime.tickets import Tickets

RETRY_MIN_MS, RETRY_MAX_MS = 1_000, 4_000
"""Told at the beginning, different to each: how long a client that lost its connection waits."""

QUEUE_BYTES = 64 * 1024
"""With more than this in the queue the client counts as full, as if its connection took no more."""

GONE = 1001
FOREVER = float("inf")

Write = Callable[[bytes], Awaitable[None]]


class EventStream:
    """The state of one stream; whoever runs it calls ``check`` when ``due`` has come, as for a socket's session.

    ``closed_with`` is the close code that a socket would have got; GONE when the client left.
    """

    transport = "sse"
    __slots__ = (
        *("_age_at", "_answered", "_connection", "_deadline", "_due_changed", "_has_ended", "_hub", "_is_full"),
        *("_ping_at", "_ping_s", "_pings", "_positions", "_queue", "_queued", "_tickets", "_wake"),
        *("address", "closed_with", "id", "opened_at", "stalled_since", "subscriber"),
    )

    def __init__(
        self,
        connection: Transport,
        *,
        hub: Hub,
        archive: Archive,
        tickets: Tickets,
        identity: Identity | None,
        due_changed: Callable[["EventStream"], None],
        address: str,
        ping_s: int,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.address = address
        self.subscriber = Subscriber(self, hub, archive)
        self.subscriber.identity = identity
        self.closed_with: int | None = None
        self.stalled_since: float | None = None
        self._connection, self._hub, self._tickets, self._due_changed = connection, hub, tickets, due_changed
        self._queue: list[bytes] = []
        self._queued = 0
        self._is_full = self._has_ended = False
        self._wake = Event()
        self._positions: dict[str, Position | None] = {}
        self._answered: set[str] = set()
        now = self.opened_at = time.monotonic()
        self._deadline = FOREVER
        if identity is not None:
            self._deadline = now + (identity.expires_at - datetime.now(UTC)).total_seconds()
        self._age_at = now + MAX_AGE_S * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD)
        self._ping_s, self._pings = ping_s, 0
        self._ping_at = now + ping_s

    @property
    def identity(self) -> Identity | None:
        return self.subscriber.identity

    @property
    def channels(self) -> Sequence[str]:
        return self.subscriber.channels

    @property
    def due(self) -> float:
        """When ``check`` is to be called next."""
        if self.closed_with is not None:
            return self._deadline
        if self.stalled_since is not None:
            return min(self._deadline, self.stalled_since + STALL_S)
        return min(self._deadline, self._age_at, self._ping_at)

    async def run(self, wishes: Sequence[Wish], write: Write) -> None:
        """Write until the stream is closed or the client is gone; ``write`` waits while its connection is full."""
        self._positions = {wish.channel: wish.position for wish in wishes}
        welcome = self._event(protocol.welcome(self.id, self._ping_s))
        await write(b"retry: %d\n%b" % (random.randint(RETRY_MIN_MS, RETRY_MAX_MS), welcome))
        for wish in wishes:
            self.subscriber.watch(wish)
        while not self._has_ended:
            await self._wake.wait()
            self._wake.clear()
            await self._write_queue(write)
            if self.closed_with is not None:
                return
            if self.stalled_since is not None:
                await self._catch_up(write)

    def deliver(self, _buffer: bytearray, _head: int) -> None:
        """Queue the news that the hub is telling as an event."""
        self.send(self._hub.telling)

    def send(self, frame: Frame) -> None:
        """Queue a frame as an event; the first that the connection does not take at once pauses the client."""
        if self.closed_with is None:
            self._put(self._event(frame))
            self._notice_full()

    def gone(self) -> None:
        """Note that the client has left."""
        if self.closed_with is None:
            self.closed_with = GONE
        self.leave()
        self._end()

    def check(self, now: float) -> None:
        """Do what is due: the identity's end, a stall, the stream's age, a sign of life."""
        if self.closed_with is not None:
            return self.abort() if now >= self._deadline else None
        if now >= self._deadline:
            return self.close(Close.UNAUTHENTICATED, "the identity has expired")
        if self.stalled_since is not None:
            if now - self.stalled_since >= STALL_S:
                self.close(Close.TOO_SLOW, "too slow")
                self.abort()
            return None
        if now >= self._age_at:
            return self.drain(random.randint(0, MOVE_MS))
        if now >= self._ping_at:
            self._put(self._heartbeat())
            self._notice_full()
        return None

    def check_sign_out(self) -> None:
        """Close when what let the client in was signed out."""
        if self.identity is not None and not self._tickets.still_holds(self.identity):
            self.send(protocol.error("unauthenticated"))
            self.close(Close.UNAUTHENTICATED, "signed out")

    def drain(self, retry_ms: int) -> None:
        """Ask the client to come back after that time, and close; browsers heed ``retry`` by themselves."""
        if self.closed_with is None:
            self._put(b"retry: %d\n" % retry_ms + self._event(protocol.drain(retry_ms)))
        self.close(Close.RESTART, "restart")

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - there is no way to tell it here
        """Stop watching, and end once what waits was written; the first code counts."""
        if self.closed_with is None:
            self.closed_with = code
            self.leave()
            self._deadline = time.monotonic() + CLOSE_S
            self._wake.set()
            self._due_changed(self)

    def abort(self) -> None:
        """Cut the connection."""
        self._connection.abort()
        self._end()

    def buffered(self) -> int:
        """Return how many bytes wait here for the client to read."""
        return self._queued + self._connection.get_write_buffer_size()

    def leave(self) -> None:
        """Stop watching everything."""
        self.subscriber.leave()

    def _end(self) -> None:
        self._has_ended = True
        self._wake.set()

    def _put(self, event: bytes) -> None:
        self._queue.append(event)
        self._queued += len(event)
        self._ping_at = time.monotonic() + self._ping_s
        self._wake.set()

    def _event(self, frame: Frame) -> bytes:
        """Write a frame as an event; its id, if it changes any position, is where all channels then are."""
        if not frame.heads:
            return b"data: %b\n\n" % frame.payload
        for channel, epoch, offset in frame.heads:
            if channel in self._positions:
                self._positions[channel] = Position(epoch, offset)
                self._answered.add(channel)
        return b"%bdata: %b\n\n" % (self._id(), frame.payload)

    def _heartbeat(self) -> bytes:
        """Write a ping with the id of now: a quiet client comes back from here. Nobody can answer it on this way."""
        self._pings += 1
        seen = self._hub.seen()
        for position in seen:
            for channel in self._answered:
                known = self._positions[channel]
                if known is not None and known.epoch == position.epoch and known.offset < position.offset:
                    self._positions[channel] = position
        return b"%bdata: %b\n\n" % (self._id(), protocol.ping(self._pings, seen).payload)

    def _id(self) -> bytes:
        return b"id: %b\n" % ",".join(_text(position) for position in self._positions.values()).encode()

    async def _write_queue(self, write: Write) -> None:
        while self._queue and not self._has_ended:
            events, self._queue, self._queued = b"".join(self._queue), [], 0
            await self._write(write, events)

    async def _write(self, write: Write, events: bytes) -> None:
        self._is_full = True  # seen by others only if writing has to wait
        await write(events)
        self._is_full = False

    async def _catch_up(self, write: Write) -> None:
        """Once the client has read all there was, go on; writing nothing waits for that."""
        if self._connection.get_write_buffer_size():
            await self._write(write, b"")
        if self.closed_with is None and not self._queue and not self._connection.get_write_buffer_size():
            self.stalled_since = None
            self.subscriber.resume()
            self._due_changed(self)
        else:
            self._wake.set()

    def _notice_full(self) -> None:
        is_full = self._is_full or self._queued > QUEUE_BYTES or self._connection.get_write_buffer_size() > 0
        if is_full and self.stalled_since is None:
            self.stalled_since = time.monotonic()
            self.subscriber.pause()
            self._due_changed(self)


def _text(position: Position | None) -> str:
    return "" if position is None else f"{position.epoch}:{position.offset}"

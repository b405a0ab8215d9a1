"""Who watches what, what happened there lately, what each new watcher missed. Knows no socket and no stream server.

Positions are stream sequences, so every process and every restart of one agree about them. Between processes only the
chain (``p``) differs, because each drops other values that were overtaken within a tick; a client that comes back is
therefore caught up by "everything after this offset", never by "the message after that one".
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from realtime import protocol
from realtime.channels import stream_of
from realtime.projection import News
from realtime.protocol import Position, Wish
from realtime.ring import RING_AGE_S, Entry, Ring

TICK_MS = 50
FRAME_MESSAGES = 100
"""A tick sends this many messages of a channel, and then the rest of the event it stopped in; others wait a tick."""

RECOVERY_MESSAGES = 300
"""Who missed more is told so and fetches the state: cheaper for both than reading it all."""

SINCE_SLACK_MS = 2_000
"""How far the clock of whoever rendered a page may be ahead of the stream's."""

MAX_CHANNELS = 50_000
"""Beyond it a channel that nobody watches is forgotten (who comes back to it fetches the state)."""


def unix_ms() -> int:
    """Return the time as the protocol tells it."""
    return time.time_ns() // 1_000_000


class Watcher(Protocol):
    def deliver(self, frame: bytes) -> None:
        """Take a frame at once, without waiting."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The answer to a wish: where the channel's chain goes on, and what was missed until there."""

    recovered: bool
    position: Position
    missed: Sequence[Entry]


@dataclass(slots=True)
class _Stream:
    epoch: str
    floor: int
    floor_ms: int
    last: int

    def forget(self, offset: int, at_ms: int) -> None:
        self.floor, self.floor_ms = max(self.floor, offset), max(self.floor_ms, at_ms)


@dataclass(slots=True, eq=False)
class _Channel:
    name: str
    stream: _Stream
    ring: Ring
    pending: dict[object, Entry] = field(default_factory=dict)
    watchers: set[Watcher] = field(default_factory=set)
    sent_ms: int = 0
    left_ms: int = 0

    def add(self, entry: Entry) -> None:
        key = object() if entry.key is None else entry.key
        self.pending.pop(key, None)  # the newer value also takes the newer place
        self.pending[key] = entry

    def take(self, count: int) -> list[Entry]:
        """Take the oldest waiting messages, whole events only: a frame must not end within one."""
        taken: list[Entry] = []
        for key, entry in list(self.pending.items()):
            if len(taken) >= count and entry.offset != taken[-1].offset:
                break
            taken.append(self.pending.pop(key))
        return taken


class Hub:
    """Channels by name; all calls come from one thread."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._streams: dict[str, _Stream] = {}
        self._channels: dict[str, _Channel] = {}
        self._waiting: set[_Channel] = set()
        self.delivered = 0
        self.subscriptions = 0

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be sent at the next tick."""
        return bool(self._waiting)

    @property
    def channels(self) -> int:
        return len(self._channels)

    def restart(self, stream: str, epoch: str, floor: int, floor_ms: int) -> None:
        """Begin a stream, or begin it anew: nothing up to ``floor`` is known, and no earlier position holds.

        Whoever watches one of its channels is told ``recovered: false``, as after a subscription that came too late.
        """
        fresh = self._streams[stream] = _Stream(epoch, floor, floor_ms, floor)
        for channel in [channel for channel in self._channels.values() if stream_of(channel.name) == stream]:
            channel.stream, channel.ring = fresh, Ring(floor, floor_ms)
            channel.pending.clear()
            self._waiting.discard(channel)
            frame = protocol.subscribed(channel.name, Position(epoch, floor), recovered=False)
            self._deliver(channel, frame)

    def publish(self, stream: str, offset: int, at_ms: int, news: Iterable[News]) -> None:
        """Take the news of one event of a stream; what was taken before is ignored."""
        state = self._streams[stream]
        if offset <= state.last:
            return
        state.last = offset
        touched: dict[_Channel, bool] = {}
        for item in news:
            channel = self._channel(item.channel)
            channel.add(Entry(offset, at_ms, item.kind, orjson.dumps(item.data), item.version, item.key))
            touched[channel] = touched.get(channel, False) or item.key is None
        for channel, is_urgent in touched.items():
            self._send_or_wait(channel, is_urgent=is_urgent)

    def tick(self) -> None:
        """Send what waited; called every ``TICK_MS`` while ``is_waiting``."""
        for channel in list(self._waiting):
            self._flush(channel)

    def subscribe(self, watcher: Watcher, wish: Wish) -> Subscribed:
        """Add a watcher and say what it missed; the caller passes that on before anything else is delivered."""
        channel = self._channel(wish.channel)
        if watcher not in channel.watchers:
            channel.watchers.add(watcher)
            self.subscriptions += 1
        missed = self._missed(channel, wish)
        if not missed:
            position = Position(channel.stream.epoch, channel.ring.head)
            return Subscribed(recovered=missed is not None, position=position, missed=())
        start = missed[0].offset - 1 if wish.position is None else wish.position.offset
        return Subscribed(recovered=True, position=Position(channel.stream.epoch, start), missed=missed)

    def unsubscribe(self, watcher: Watcher, name: str) -> None:
        """Forget a watcher; the channel itself stays a while for whoever comes back."""
        channel = self._channels.get(name)
        if channel is not None and watcher in channel.watchers:
            channel.watchers.remove(watcher)
            channel.left_ms = self._now_ms()
            self.subscriptions -= 1

    def sweep(self) -> None:
        """Forget what is too old, and channels that nobody watched or heard of for as long."""
        oldest_ms = self._now_ms() - RING_AGE_S * 1_000
        for channel in list(self._channels.values()):
            channel.ring.trim(oldest_ms)
            if not channel.watchers and not channel.pending and not channel.ring and channel.left_ms < oldest_ms:
                self._forget(channel)

    def _channel(self, name: str) -> _Channel:
        found = self._channels.get(name)
        if found is None:
            if len(self._channels) >= MAX_CHANNELS:
                self._make_room()
            stream = self._streams[stream_of(name)]
            ring = Ring(stream.floor, stream.floor_ms)
            found = self._channels[name] = _Channel(name, stream, ring, left_ms=self._now_ms())
        return found

    def _make_room(self) -> None:
        unwatched = next((channel for channel in self._channels.values() if not channel.watchers), None)
        if unwatched is not None:
            self._flush(unwatched, everything=True)
            self._forget(unwatched)

    def _forget(self, channel: _Channel) -> None:
        del self._channels[channel.name]
        # Made again, the channel must not vouch for what went with this one.
        channel.stream.forget(channel.ring.head, channel.ring.head_ms)

    def _missed(self, channel: _Channel, wish: Wish) -> list[Entry] | None:
        """Return what the wish asks for, or None when that can't be given whole."""
        if wish.position is not None:
            if wish.position.epoch != channel.stream.epoch or wish.position.offset > channel.stream.last:
                return None
            found = channel.ring.after(wish.position.offset)
        elif wish.since_ms is not None:
            if wish.since_ms > self._now_ms() + SINCE_SLACK_MS:
                return None
            found = channel.ring.since(wish.since_ms - SINCE_SLACK_MS)
        else:
            return []
        latest = None if found is None else _latest(found)
        return None if latest is None or len(latest) > RECOVERY_MESSAGES else latest

    def _send_or_wait(self, channel: _Channel, *, is_urgent: bool) -> None:
        if is_urgent or not channel.watchers:
            self._flush(channel, everything=True)
        elif self._now_ms() - channel.sent_ms >= TICK_MS:
            self._flush(channel)
        else:
            self._waiting.add(channel)

    def _flush(self, channel: _Channel, *, everything: bool = False) -> None:
        while channel.pending:
            previous, entries = channel.ring.head, channel.take(FRAME_MESSAGES)
            for entry in entries:
                channel.ring.append(entry)
            if channel.watchers:
                frame = protocol.batch(channel.name, previous, entries, self._now_ms())
                self.delivered += len(entries) * len(channel.watchers)
                self._deliver(channel, frame)
            if not everything:
                break
        channel.sent_ms = self._now_ms()
        (self._waiting.add if channel.pending else self._waiting.discard)(channel)

    def _deliver(self, channel: _Channel, frame: bytes) -> None:
        for watcher in tuple(channel.watchers):  # a watcher found too slow leaves while we are at it
            watcher.deliver(frame)


def _latest(entries: list[Entry]) -> list[Entry]:
    """Leave out values that later ones overtook; every message without a key stays."""
    seen: set[str] = set()
    kept: list[Entry] = []
    for entry in reversed(entries):
        if entry.key is None or entry.key not in seen:
            kept.append(entry)
        if entry.key is not None:
            seen.add(entry.key)
    return kept[::-1]

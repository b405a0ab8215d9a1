"""The recent messages of one channel, and up to where they are complete."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from realtime.projection import News

RING_MESSAGES = 2_000
"""Beyond it the oldest is forgotten: who missed that one fetches a page's state anew."""

RING_AGE_S = 11 * 60
"""A ticket's life and a minute: whoever could still come back with the same ticket can be caught up."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: its place in the stream, when it got there, and its data as JSON."""

    offset: int
    at_ms: int
    kind: str
    data: bytes
    version: int | None = None
    key: str | None = None


def entry_of(news: News, offset: int, at_ms: int) -> Entry:
    """Make the message that is kept of news.

    Its data is a copy: what orjson returns holds on to a buffer of 4 kB, however short it is (with orjson 3.13 100,000
    quotes took 400 MB, their copies 18 MB).
    """
    return Entry(offset, at_ms, news.kind, bytes(memoryview(orjson.dumps(news.data))), news.version, news.key)


def put(entries: dict[object, Entry], entry: Entry) -> None:
    """Add the newest message; an older value of the same key goes, one without a key stays beside all others."""
    key = object() if entry.key is None else entry.key
    entries.pop(key, None)
    entries[key] = entry


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a channel's stretch of the stream held, read again: every message after a position and up to ``upto``.

    Of each value only the latest, in stream order.
    """

    entries: Sequence[Entry]
    upto: int


class Ring:
    """Recent messages in stream order; of each value only the latest, which is all that anyone who was away is told.

    The promise: every message of the channel with an offset above ``floor`` (and, in time, stored after
    ``floor_ms``) is here, or a later one of the same key is. So a client at any stream position not below the floor can
    be told exactly what it missed, whichever process gave it that position.
    """

    __slots__ = ("_entries", "floor", "floor_ms")

    def __init__(self, floor: int, floor_ms: int) -> None:
        self.floor, self.floor_ms = floor, floor_ms
        self._entries: dict[object, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def head(self) -> int:
        """The offset of the newest message, or the floor when there is none: what the next message follows."""
        newest = self._newest()
        return self.floor if newest is None else newest.offset

    @property
    def head_ms(self) -> int:
        """When the newest message was stored, or the floor's time."""
        newest = self._newest()
        return self.floor_ms if newest is None else max(newest.at_ms, self.floor_ms)

    def append(self, entry: Entry) -> None:
        """Add the newest message; its offset is not below the head."""
        put(self._entries, entry)
        if len(self._entries) > RING_MESSAGES:
            self._forget_oldest()

    def trim(self, older_than_ms: int) -> None:
        """Forget what is older than that."""
        while self._entries and next(iter(self._entries.values())).at_ms < older_than_ms:
            self._forget_oldest()

    def after(self, offset: int) -> list[Entry] | None:
        """Return every message after that stream position, or None when some may have been forgotten."""
        if offset < self.floor:
            return None
        found: list[Entry] = []
        for entry in reversed(self._entries.values()):
            if entry.offset <= offset:
                break
            found.append(entry)
        return found[::-1]

    def since(self, at_ms: int) -> list[Entry] | None:
        """Return every message stored at that time or later, or None when some may have been forgotten."""
        if at_ms <= self.floor_ms:
            return None
        # One event gives several messages of one offset; what is left of one half forgotten is not to be shown.
        return [entry for entry in self._entries.values() if entry.at_ms >= at_ms and entry.offset > self.floor]

    def _newest(self) -> Entry | None:
        return next(reversed(self._entries.values()), None)

    def _forget_oldest(self) -> None:
        oldest = self._entries.pop(next(iter(self._entries)))
        self.floor, self.floor_ms = oldest.offset, max(self.floor_ms, oldest.at_ms)

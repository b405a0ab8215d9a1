"""One channel: its recent messages in order, what waits to be sent, and who watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mercadito_events.service.identity import Identity

from realtime import protocol
from realtime.protocol import Frame, Position, Replay
from realtime.ring import Entry, Ring, put

MAX_REPLAYS = 64
"""So many encoded replays of a channel are kept, until its next message."""

RECOVERY_MESSAGES = 300
"""Who missed more is told so and fetches the state: cheaper for both than reading it all."""


Deliver = Callable[[bytearray, int], None]
"""Takes a frame's buffer at once, without waiting; the number is where its text begins, always ``HEAD``."""


class Watcher(Protocol):
    """Whoever is told a channel's news."""

    @property
    def identity(self) -> Identity | None:
        """Who that is, as far as it is known."""

    @property
    def deliver(self) -> Deliver:
        """What the hub calls for each frame."""


@dataclass(slots=True)
class Stream:
    """A stream as far as it was read: all up to ``last``; below ``floor`` nothing is known."""

    epoch: str
    floor: int
    floor_ms: int
    last: int

    def forget(self, offset: int, at_ms: int) -> None:
        self.floor, self.floor_ms = max(self.floor, offset), max(self.floor_ms, at_ms)


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The answer to a wish: where the channel's chain goes on, and one frame with what was missed until there."""

    recovered: bool
    position: Position
    missed: Frame | None = None


class Chain:
    """A channel's messages; those that wait for a tick are not in the ring yet."""

    __slots__ = (
        *("_replays", "encoded_name", "left_ms", "name", "overrun_at", "pending", "ring", "stream", "turnover"),
        "watchers",
    )

    def __init__(self, name: str, stream: Stream, left_ms: int) -> None:
        self.name, self.encoded_name = name, name.encode()
        self.left_ms = left_ms
        self.pending: dict[object, Entry] = {}
        self.watchers: dict[Watcher, Deliver] = {}
        self.turnover = 0
        self.begin(stream)

    def begin(self, stream: Stream) -> None:
        """Begin (anew) with nothing known."""
        self.stream = stream
        self.ring = Ring(stream.floor, stream.floor_ms)
        self.overrun_at: int | None = None
        self.pending.clear()
        self._replays: dict[int, Replay] = {}

    @property
    def head(self) -> tuple[str, str, int]:
        """Up to where whoever watches has seen everything, as frames tell it."""
        return (self.name, self.stream.epoch, self._told)

    @property
    def position(self) -> Position:
        return Position(self.stream.epoch, self._told)

    @property
    def _told(self) -> int:
        """The ring's head, except while watchers are told nothing of what gets there."""
        return self.ring.head if self.overrun_at is None else self.overrun_at

    def add(self, entry: Entry) -> None:
        """Let a message wait; a newer value of the same key takes its place, at the newer end."""
        put(self.pending, entry)

    def commit(self, count: int) -> list[Entry]:
        """Move the oldest waiting messages to the ring: about ``count``, but whole events only."""
        taken: list[Entry] = []
        for key, entry in list(self.pending.items()):
            if len(taken) >= count and entry.offset != taken[-1].offset:
                break
            taken.append(self.pending.pop(key))
        for entry in taken:
            self.ring.append(entry)
        self._replays.clear()
        return taken

    def commit_all(self) -> None:
        """Move everything that waits to the ring: nobody watches, or they will be told that they missed it."""
        self.commit(len(self.pending))

    def begin_overrun(self) -> None:
        """From here on commit what comes without telling it: positions stay where they are until ``end_overrun``."""
        self.overrun_at = self.ring.head
        self.commit_all()

    def end_overrun(self) -> None:
        """Go on from the newest message; the caller tells the watchers that they missed something."""
        self.overrun_at = None

    def trim(self, older_than_ms: int) -> None:
        self.ring.trim(older_than_ms)

    def answer(self, start: int | None, missed: Sequence[Entry] | None, now_ms: int) -> Subscribed:
        """Answer a subscription; ``missed``, of each value the latest, follows stream position ``start``.

        ``start`` None: just before the first of ``missed``.

        Those who come back in a storm ask from the same few positions: messages are encoded once until news comes.
        """
        if missed is None or len(missed) > RECOVERY_MESSAGES:
            return Subscribed(recovered=False, position=self.position)
        if not missed:
            return Subscribed(recovered=True, position=self.position)
        begin = missed[0].offset - 1 if start is None else start
        replay = None if start is None else self._replays.get(start)
        if replay is None:
            replay = Replay(b",".join(protocol.chained(self.encoded_name, begin, missed)))
        if start is not None and len(self._replays) < MAX_REPLAYS:
            self._replays[start] = replay
        frame = replay.frame(now_ms, self.head)
        return Subscribed(recovered=True, position=Position(self.stream.epoch, begin), missed=frame)

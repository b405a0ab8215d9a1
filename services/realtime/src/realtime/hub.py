"""Who watches what, what happened there lately, what each new watcher missed. Knows no socket and no stream server.

Positions are stream sequences, so every process and every restart of one agree about them. Between processes only the
chain (``p``) differs, because each drops other values that were overtaken within a tick; a client that comes back is
therefore caught up by "everything after this offset", never by "the message after that one".
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import structlog

from realtime import protocol
from realtime.chain import RECOVERY_MESSAGES, Chain, Deliver, Stream, Subscribed, Watcher
from realtime.channels import stream_of
from realtime.projection import News
from realtime.protocol import HEAD, Frame, Position, Wish
from realtime.ring import RING_AGE_S, Entry, Stretch, entry_of

FRAME_MESSAGES = 100
"""A tick sends this many messages of a channel, and then the rest of the event it stopped in; others wait a tick."""

MAX_PENDING = 10_000
"""So many messages of a channel wait at most: what ticks send in 5 s, and twice as many as a cycle has offers.

With more the channel is overrun: all goes to its memory at once, and whoever watches it is told to fetch the state.
"""

OVERRUN_TICKS = 100
"""That is told once, after so many ticks (5 s or more): a stream that catches up overruns a channel again and again."""

SINCE_SLACK_MS = 2_000
"""How far the clock of whoever rendered a page may be ahead of the stream's."""

MAX_CHANNELS = 50_000
"""Beyond it a channel that nobody watches is forgotten (who comes back to it fetches the state)."""

_log = structlog.get_logger(__name__)


def unix_ms() -> int:
    """Return the time as the protocol tells it."""
    return time.time_ns() // 1_000_000


class Counts(Protocol):
    """Whoever keeps count of what the hub does."""

    def wrote(self, updates: int, receivers: int) -> None: ...
    def recovered(self, source: Literal["ring", "stream", "none"]) -> None: ...


class _Uncounted:
    def wrote(self, updates: int, receivers: int) -> None:
        """Count nothing."""

    def recovered(self, source: Literal["ring", "stream", "none"]) -> None:
        """Count nothing."""


class Hub:
    """Channels by name; all calls come from one thread."""

    def __init__(self, now_ms: Callable[[], int], counts: Counts | None = None) -> None:
        self._now_ms, self._counts = now_ms, counts or _Uncounted()
        self._streams: dict[str, Stream] = {}
        self._chains: dict[str, Chain] = {}
        self._waiting: dict[Chain, None] = {}
        self._urgent: dict[Chain, None] = {}
        self._overrun: dict[Chain, int] = {}
        self._settled: dict[str, int] = {}
        self.subscriptions = 0
        self.telling = Frame(b"")
        """The frame that is being delivered, for watchers who need more of it than its buffer."""

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be sent at the next tick, or one after it."""
        return bool(self._waiting or self._overrun)

    @property
    def is_urgent(self) -> bool:
        """Whether something is to be sent as soon as possible."""
        return bool(self._urgent)

    @property
    def channels(self) -> int:
        return len(self._chains)

    def overview(self) -> Iterator[tuple[str, int, int]]:
        """Name each channel with how many watch it and how many recent messages it holds."""
        return ((name, len(chain.watchers), len(chain.ring)) for name, chain in self._chains.items())

    def restart(self, stream: str, epoch: str, floor: int, floor_ms: int) -> None:
        """Begin a stream, or begin it anew: nothing up to ``floor`` is known, and no earlier position holds.

        Whoever watches one of its channels is told ``recovered: false``, as after a subscription that came too late.
        """
        fresh = self._streams[stream] = Stream(epoch, floor, floor_ms, floor)
        self._settled[stream] = floor
        for chain in [chain for chain in self._chains.values() if stream_of(chain.name) == stream]:
            chain.begin(fresh)
            self._wait_no_more(chain)
            self._overrun.pop(chain, None)
            self._deliver(chain.watchers, protocol.subscribed(chain.name, chain.position, recovered=False))

    def publish(self, stream: str, offset: int, at_ms: int, news: Iterable[News]) -> None:
        """Take the news of one event of a stream; what was taken before is ignored."""
        state = self._streams[stream]
        if offset <= state.last:
            return
        state.last = offset
        for item in news:
            chain = self._chain(item.channel)
            chain.add(entry_of(item, offset, at_ms))
            if chain in self._overrun:
                chain.commit_all()
            elif len(chain.pending) > MAX_PENDING:
                self._begin_overrun(chain)
            else:
                (self._waiting if item.key is not None else self._urgent)[chain] = None
        if not self.is_waiting and not self.is_urgent:
            self._settled[stream] = offset

    def send_urgent(self) -> None:
        """Send what must not wait, with what waited on the same channels before it."""
        while self._urgent:
            self._send(self._urgent)

    def tick(self) -> None:
        """Send what waited, at most about ``FRAME_MESSAGES`` a channel; the rest waits for the next tick."""
        self._end_overruns()
        self._waiting |= self._urgent
        self._urgent.clear()
        self._send(self._waiting)

    def whisper(self, channel: str, kind: str, data: Mapping[str, Any]) -> None:
        """Tell whoever watches the channel now; it has no place in the chain, and nobody who is away gets it later."""
        chain = self._chains.get(channel)
        if chain is not None and chain.watchers:
            self._deliver(chain.watchers, protocol.whisper(channel, kind, data, self._now_ms()))

    def tell(self, watcher: Watcher, frame: Frame) -> None:
        """Tell one watcher alone."""
        self.telling = frame
        watcher.deliver(frame.buffer, HEAD)

    def watched(self, family: str) -> Iterator[str]:
        """Name the channels of a family (``cycle``) that somebody watches."""
        return (name for name, chain in self._chains.items() if chain.watchers and name.partition(":")[0] == family)

    def watchers_of(self, channel: str) -> Sequence[Watcher]:
        """Return who watches a channel at this moment; those too slow to keep up are not among them."""
        chain = self._chains.get(channel)
        return tuple(chain.watchers) if chain is not None else ()

    def turnover(self, channel: str) -> int:
        """Return how often somebody came to a channel or left it, so far: if it has not grown, the same are there."""
        chain = self._chains.get(channel)
        return chain.turnover if chain is not None else 0

    def seen(self) -> list[Position]:
        """Say up to where, per stream, whoever watches anything has been told all of it."""
        return [Position(state.epoch, self._settled[name]) for name, state in self._streams.items()]

    def reaches_back_to(self, wish: Wish) -> bool:
        """Say whether memory alone can answer; if not, an older part of the stream is to be read first."""
        if wish.position is None:
            return True
        chain = self._chain(wish.channel)
        stream, offset = chain.stream, wish.position.offset
        return wish.position.epoch != stream.epoch or offset > stream.last or offset >= chain.ring.floor

    def subscribe(self, watcher: Watcher, wish: Wish, earlier: Stretch | None = None) -> Subscribed:
        """Add a watcher and say what it missed; the caller passes that on before anything else is delivered.

        ``earlier`` is what was read of the stream again after the wished position, where memory does not reach back.
        """
        chain = self._chain(wish.channel)
        if watcher not in chain.watchers:
            chain.watchers[watcher] = watcher.deliver
            chain.turnover += 1
            self.subscriptions += 1
        start = None if wish.position is None else wish.position.offset
        answer = chain.answer(start, self._missed(chain, wish, earlier), self._now_ms())
        if wish.position is not None or wish.since_ms is not None:
            found_in: Literal["ring", "stream"] = "ring" if earlier is None else "stream"
            self._counts.recovered(found_in if answer.recovered else "none")
        return answer

    def unsubscribe(self, watcher: Watcher, name: str) -> Position | None:
        """Forget a watcher; return up to where it has seen everything, or None when it did not watch.

        The channel itself stays a while for whoever comes back.
        """
        chain = self._chains.get(name)
        if chain is None or watcher not in chain.watchers:
            return None
        del chain.watchers[watcher]
        chain.turnover += 1
        chain.left_ms = self._now_ms()
        self.subscriptions -= 1
        return chain.position

    def sweep(self) -> None:
        """Forget what is too old, and channels that nobody watched or heard of for as long."""
        oldest_ms = self._now_ms() - RING_AGE_S * 1_000
        for chain in list(self._chains.values()):
            chain.trim(oldest_ms)
            if not chain.watchers and not chain.pending and not chain.ring and chain.left_ms < oldest_ms:
                self._forget(chain)

    def _chain(self, name: str) -> Chain:
        found = self._chains.get(name)
        if found is None:
            if len(self._chains) >= MAX_CHANNELS:
                self._make_room()
            found = self._chains[name] = Chain(name, self._streams[stream_of(name)], self._now_ms())
        return found

    def _make_room(self) -> None:
        unwatched = next((chain for chain in self._chains.values() if not chain.watchers), None)
        if unwatched is not None:
            unwatched.commit_all()
            self._wait_no_more(unwatched)
            self._forget(unwatched)

    def _wait_no_more(self, chain: Chain) -> None:
        self._waiting.pop(chain, None)
        self._urgent.pop(chain, None)

    def _begin_overrun(self, chain: Chain) -> None:
        self._wait_no_more(chain)
        if not chain.watchers:
            return chain.commit_all()
        _log.warning("channel_overrun", channel=chain.name, waited=len(chain.pending), watchers=len(chain.watchers))
        chain.begin_overrun()
        self._overrun[chain] = OVERRUN_TICKS
        return None

    def _end_overruns(self) -> None:
        """Where it is time, tell the watchers that they missed what came since their channel was overrun."""
        for chain, ticks in list(self._overrun.items()):
            if ticks > 1 and chain.watchers:
                self._overrun[chain] = ticks - 1
            else:
                del self._overrun[chain]
                chain.end_overrun()
                self._deliver(chain.watchers, protocol.subscribed(chain.name, chain.position, recovered=False))

    def _forget(self, chain: Chain) -> None:
        del self._chains[chain.name]
        self._overrun.pop(chain, None)
        # Made again, the channel must not vouch for what went with this one.
        chain.stream.forget(chain.ring.head, chain.ring.head_ms)

    def _missed(self, chain: Chain, wish: Wish, earlier: Stretch | None) -> Sequence[Entry] | None:
        """Return what the wish asks for, or None when that can't be given whole."""
        if wish.position is not None:
            if wish.position.epoch != chain.stream.epoch or wish.position.offset > chain.stream.last:
                return None
            remembered = chain.ring.after(wish.position.offset)
            return _joined(chain, wish.position, earlier) if remembered is None and earlier else remembered
        if wish.since_ms is not None:
            if wish.since_ms > self._now_ms() + SINCE_SLACK_MS:
                return None
            return chain.ring.since(wish.since_ms - SINCE_SLACK_MS)
        return []

    def _send(self, chains: dict[Chain, None]) -> None:
        """Send about ``FRAME_MESSAGES`` of each channel; those with nothing left wait no more."""
        batches: list[tuple[Chain, bytes, int]] = []
        for chain in list(chains):
            if not chain.watchers:
                chain.commit_all()
            previous, entries = chain.ring.head, chain.commit(FRAME_MESSAGES)
            if entries:
                batches.append(
                    (chain, b",".join(protocol.chained(chain.encoded_name, previous, entries)), len(entries))
                )
            if not chain.pending:
                self._wait_no_more(chain)
        self._settle()
        if len(batches) == 1:
            ((chain, encoded, count),) = batches
            self._counts.wrote(count, len(chain.watchers))
            self._deliver(chain.watchers, protocol.batch((encoded,), self._now_ms(), (chain.head,)))
        elif batches:
            self._deliver_grouped(batches)

    def _settle(self) -> None:
        if not self.is_waiting and not self.is_urgent:
            for name, state in self._streams.items():
                self._settled[name] = state.last

    def _deliver_grouped(self, batches: Sequence[tuple[Chain, bytes, int]]) -> None:
        """Make one frame for each group of watchers with the same news, whatever else they watch."""
        groups: dict[Deliver, int] = {}
        for place, (chain, _, _) in enumerate(batches):
            for deliver in chain.watchers.values():
                groups[deliver] = groups.get(deliver, 0) | 1 << place
        frames: dict[int, tuple[Frame, int]] = {}
        for deliver, group in groups.items():
            made = frames.get(group)
            if made is None:
                made = frames[group] = self._frame_of(
                    [batch for place, batch in enumerate(batches) if group >> place & 1]
                )
            self.telling = made[0]
            deliver(made[0].buffer, HEAD)
            self._counts.wrote(made[1], 1)

    def _frame_of(self, batches: Sequence[tuple[Chain, bytes, int]]) -> tuple[Frame, int]:
        """Return one frame with all of these, and how many messages are in it."""
        heads = [chain.head for chain, _, _ in batches]
        frame = protocol.batch((encoded for _, encoded, _ in batches), self._now_ms(), heads)
        return frame, sum(count for _, _, count in batches)

    def _deliver(self, watchers: Mapping[Watcher, Deliver], frame: Frame) -> None:
        self.telling = frame
        for deliver in tuple(watchers.values()):  # a watcher found too slow leaves while we are at it
            deliver(frame.buffer, HEAD)


def _joined(chain: Chain, after: Position, earlier: Stretch) -> Sequence[Entry] | None:
    """Put what was read of the stream again before what is in memory."""
    begins = chain.ring.floor
    remembered = chain.ring.after(begins)
    if remembered is None or earlier.upto < begins:
        return None
    overtaken = {entry.key for entry in remembered if entry.key is not None}
    found: list[Entry] = []
    # From the end, and no further than anybody is told: each of many who come back at once has this done.
    for entry in reversed(earlier.entries):
        if entry.offset <= after.offset:
            break
        if entry.offset <= begins and entry.key not in overtaken:
            found.append(entry)
        if len(found) > RECOVERY_MESSAGES:
            return None
    return [*reversed(found), *remembered]

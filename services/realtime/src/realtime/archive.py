"""JetStream as a second memory: what a channel's stream held before our own memory begins, read again once for many.

Asked by clients that come back after longer than the ring remembers. One scan of a stream runs at a time and answers
everyone who asked before it began; what it found is kept for a moment for those who ask next.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from realtime import consumers
from realtime.consumers import Broken, Extent, unix_ms
from realtime.metrics import Metrics
from realtime.projection import News
from realtime.protocol import Position
from realtime.ring import Entry, Stretch, entry_of, put

MAX_EVENTS = 5_000
"""Who missed more events of a stream than that fetches the state."""

MAX_MESSAGES = 50_000
"""A scan that finds more messages of the channels asked for gives up: whoever asked fetches the state."""

MAX_BYTES = 16 * 1024 * 1024
"""The same for their data: usual messages have 100 to 300 bytes, so only unusually long ones end a scan by this."""

MAX_ASKS = 20_000
"""So many may wait for a scan; the next is told at once that it must fetch the state."""

SCAN_S = 5.0
KEEP_S = 5.0
BREATHE_EVENTS = 200
"""After so many events the others have their turn."""
BREATHE_ASKS = 20
"""And after so many answers."""

_log = structlog.get_logger(__name__)
Found = Callable[[Stretch | None], None]


@dataclass(frozen=True, slots=True)
class _Ask:
    channel: str
    position: Position
    found: Found


@dataclass(slots=True)
class _Scan:
    """What was found of some channels after ``after`` and up to ``extent.last``: of each value the latest."""

    extent: Extent
    after: int
    channels: dict[str, dict[object, Entry]]
    messages: int = 0
    size: int = 0
    made_at: float = field(default_factory=time.monotonic)
    stretches: dict[str, Stretch] = field(default_factory=dict)

    def take(self, message: Msg, news: Sequence[News]) -> None:
        offset, at_ms = message.metadata.sequence.stream, unix_ms(message.metadata.timestamp)
        for item in news:
            entries = self.channels.get(item.channel)
            if entries is None:
                continue
            entry = entry_of(item, offset, at_ms)
            put(entries, entry)
            self.messages += 1
            self.size += len(entry.data)

    def answers(self, ask: _Ask) -> bool:
        return (
            ask.channel in self.channels
            and ask.position.epoch == self.extent.epoch
            and self.after <= ask.position.offset <= self.extent.last
        )

    def stretch(self, channel: str) -> Stretch:
        if channel not in self.stretches:
            self.stretches[channel] = Stretch(tuple(self.channels[channel].values()), self.extent.last)
        return self.stretches[channel]


class Archive:
    """Answers what memory can't; ``read`` says what news a message holds, if any."""

    def __init__(self, read: Callable[[Msg], Sequence[News]], metrics: Metrics) -> None:
        self._read, self._metrics = read, metrics
        self._asks: dict[str, list[_Ask]] = {}
        self._kept: dict[str, _Scan] = {}
        self._asked = asyncio.Event()

    def ask(self, stream: str, channel: str, position: Position, found: Found) -> None:
        """Have ``found`` called with what the stream holds of a channel after that position.

        It may be called at once. It gets None when that is too much, too old, or can't be read now.
        """
        ask, kept = _Ask(channel, position, found), self._kept.get(stream)
        if kept is not None and time.monotonic() - kept.made_at < KEEP_S and kept.answers(ask):
            return found(kept.stretch(channel))
        asks = self._asks.setdefault(stream, [])
        if len(asks) >= MAX_ASKS:
            return found(None)
        asks.append(ask)
        self._asked.set()
        return None

    async def run(self, nc: Client) -> None:
        """Answer for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._asks:
                await self._answer(nc, *self._asks.popitem())

    async def _answer(self, nc: Client, stream: str, asks: Sequence[_Ask]) -> None:
        scan = await self._scan(nc, stream, asks)
        for number, ask in enumerate(asks):
            if number % BREATHE_ASKS == 0:
                await asyncio.sleep(0)
            ask.found(scan.stretch(ask.channel) if scan is not None and scan.answers(ask) else None)

    async def _scan(self, nc: Client, stream: str, asks: Sequence[_Ask]) -> _Scan | None:
        try:
            async with asyncio.timeout(SCAN_S):
                extent = await consumers.extent(nc, stream)
                oldest = max(extent.first - 1, extent.last - MAX_EVENTS)
                wanted = [ask for ask in asks if ask.position.epoch == extent.epoch and ask.position.offset >= oldest]
                if not wanted:
                    return None
                self._kept.pop(stream, None)  # before the next fills: two of a stream are never in memory together
                first = min(ask.position.offset for ask in wanted)
                scan = _Scan(extent, first, {ask.channel: {} for ask in wanted})
                if first < extent.last:
                    await self._fill(nc, stream, scan)
        except (Error, Broken, OSError, TimeoutError) as problem:
            _log.warning("archive_unreadable", stream=stream, problem=f"{type(problem).__name__}: {problem}")
            return None
        self._kept[stream] = scan
        asyncio.get_running_loop().call_later(KEEP_S, self._let_go, stream, scan.made_at)  # the timer keeps no scan
        return scan

    def _let_go(self, stream: str, made_at: float) -> None:
        kept = self._kept.get(stream)
        if kept is not None and kept.made_at == made_at:
            del self._kept[stream]

    async def _fill(self, nc: Client, stream: str, scan: _Scan) -> None:
        async with consumers.listening(nc) as subscription:
            name, _ = await consumers.create(nc, stream, consumers.after(scan.after))
            try:
                offset, count = scan.after, 0
                while offset < scan.extent.last:
                    if count % consumers.BATCH == 0:
                        await consumers.pull(nc, stream, name, subscription.subject)
                    message = await subscription.next_msg(timeout=SCAN_S)
                    if not message.reply.startswith("$JS.ACK."):
                        _heed(message)
                        continue
                    offset, count = message.metadata.sequence.stream, count + 1
                    scan.take(message, self._read(message))
                    if scan.messages > MAX_MESSAGES or scan.size > MAX_BYTES:
                        raise Broken(f"over {MAX_MESSAGES} messages or {MAX_BYTES} bytes")
                    if count % BREATHE_EVENTS == 0:
                        await asyncio.sleep(0)
            finally:
                await consumers.delete(nc, stream, name)


def _heed(message: Msg) -> None:
    status = (message.headers or {}).get("Status")
    if status != "100":
        raise Broken(f"{status} {(message.headers or {}).get('Description', '')}".strip())

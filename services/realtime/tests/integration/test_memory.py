"""What reading a stream again costs in memory, on a real nats-server."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from harness import Publisher
from nats.aio.client import Client
from prometheus_client import CollectorRegistry
from realtime import archive as module
from realtime import consumers
from realtime.archive import Archive
from realtime.metrics import Metrics
from realtime.newsdesk import news_in
from realtime.protocol import Position
from realtime.ring import Stretch

STREAM, CYCLE = "ORDERS", "cycle:c1"
EVENTS, OFFERS = 6, 200
LITTLE = 150_000
"""Bytes; what is found in these tests takes several times as many, and would ten times that if it were not copied."""


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def used() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class Scans:
    """Asks an archive for one channel, keeps no answer, and notes what is in memory as each scan begins."""

    def __init__(self, nc: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self._nc = nc
        self._archive = Archive(news_in, Metrics(CollectorRegistry()))
        self._create = consumers.create
        self.began_with: list[int] = []
        monkeypatch.setattr(consumers, "create", self._note)

    async def _note(self, nc: Client, stream: str, start: Any) -> tuple[str, int]:
        self.began_with.append(used())
        return await self._create(nc, stream, start)

    async def run(self) -> None:
        await self._archive.run(self._nc)

    async def count(self, after: int) -> int | None:
        """Return how many messages were found after that position, or None when that can't be had."""
        epoch = (await consumers.extent(self._nc, STREAM)).epoch
        answered: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def found(stretch: Stretch | None) -> None:
            answered.set_result(None if stretch is None else len(stretch.entries))

        self._archive.ask(STREAM, CYCLE, Position(epoch, after), found)
        async with asyncio.timeout(10):
            return await answered


@pytest.fixture
async def scans(nc: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scans]:
    made = Scans(nc, monkeypatch)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()


async def many(say: Publisher) -> None:
    for event in range(EVENTS):
        await say.offers("c1", *((f"o{event}-{number}", 9, 1) for number in range(OFFERS)))


async def until_little_is_left(before: int) -> None:
    async with asyncio.timeout(10):
        while used() - before > LITTLE:  # noqa: ASYNC110 - polled with a deadline
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("traced")
async def test_what_a_scan_found_takes_little_more_than_its_text_and_goes_when_it_is_no_longer_used(
    scans: Scans, say: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_S", 1.0)
    await many(say)
    before = used()
    assert await scans.count(0) == EVENTS * OFFERS
    assert used() - before < 1_000 * EVENTS * OFFERS
    await until_little_is_left(before)


@pytest.mark.usefixtures("traced")
async def test_what_an_earlier_scan_found_goes_before_the_next_begins(
    scans: Scans, say: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_S", 3_600)
    await many(say)
    assert await scans.count(1) == (EVENTS - 1) * OFFERS
    assert await scans.count(0) == EVENTS * OFFERS
    first, second = scans.began_with
    assert second - first < LITTLE


async def test_more_bytes_than_a_scan_may_keep_are_not_kept(
    scans: Scans, say: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say.offers("c1", *((f"o{number}", 9, 1) for number in range(5)))
    monkeypatch.setattr(module, "MAX_BYTES", 300)
    assert await scans.count(0) is None
    monkeypatch.setattr(module, "MAX_BYTES", 3_000)
    assert await scans.count(0) == 5


async def test_of_a_long_stream_no_more_waits_here_than_one_pull_brings(nc: Client, say: Publisher) -> None:
    stored = 0
    while stored < consumers.BATCH + 50:
        stored = await say.offers("c1", ("a", 9, stored))
    async with consumers.listening(nc) as subscription:
        name, _ = await consumers.create(nc, STREAM, consumers.after(0))
        await consumers.pull(nc, STREAM, name, subscription.subject)
        async with asyncio.timeout(10):
            while subscription.pending_msgs < consumers.BATCH:  # noqa: ASYNC110 - polled with a deadline
                await asyncio.sleep(0.005)
        info = await consumers.ask(nc, f"CONSUMER.INFO.{STREAM}.{name}")
    assert info["num_pending"] == 50
    assert consumers.BATCH * 60_000 <= 16_000_000, "what may wait, of the largest events there are"

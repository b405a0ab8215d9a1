"""The stream as second memory, on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from harness import Publisher
from mercadito_events.service.identity import KeySet
from mercadito_events.testing import NatsServer
from nats.aio.client import Client
from prometheus_client import CollectorRegistry
from realtime import archive as module
from realtime import consumers
from realtime import feed as feed_module
from realtime.archive import Archive
from realtime.feed import Feed
from realtime.hub import Hub, unix_ms
from realtime.metrics import Metrics
from realtime.newsdesk import NewsDesk, news_in
from realtime.protocol import Position, Wish
from realtime.ring import Stretch
from realtime.subscriber import Subscriber
from realtime.tickets import Tickets
from stand_ins import Counted, Issuer, Outlet

STREAM, CYCLE = "ORDERS", "cycle:c1"


@pytest.fixture
async def archive(nc: Client) -> AsyncIterator[Archive]:
    made = Archive(news_in, Metrics(CollectorRegistry()))
    task = asyncio.create_task(made.run(nc))
    yield made
    task.cancel()


class Asked:
    """Asks, and waits for all answers."""

    def __init__(self, archive: Archive, epoch: str) -> None:
        self._archive, self._epoch = archive, epoch
        self.answers: dict[int, Stretch | None] = {}
        self._asked = 0

    def ask(self, after: int, channel: str = CYCLE, epoch: str | None = None) -> None:
        number, self._asked = self._asked, self._asked + 1
        position = Position(epoch or self._epoch, after)
        self._archive.ask(STREAM, channel, position, lambda found: self.answers.update({number: found}))

    async def all(self, within_s: float = 5) -> list[Any]:
        async with asyncio.timeout(within_s):
            while len(self.answers) < self._asked:  # noqa: ASYNC110 - polled with a deadline
                await asyncio.sleep(0.005)
        return [self.answers[number] for number in range(self._asked)]


@pytest.fixture
async def asked(archive: Archive, nc: Client) -> Asked:
    return Asked(archive, (await consumers.extent(nc, STREAM)).epoch)


def values(found: Any) -> list[tuple[int, str, int]]:
    return [(entry.offset, orjson.loads(entry.data)["offer_id"], entry.version) for entry in found.entries]


async def test_of_each_value_the_latest_is_found_whatever_position_it_is_asked_from(
    asked: Asked, say: Publisher
) -> None:
    for version in range(1, 6):
        await say.offers("c1", ("a", 9, version), (f"b{version}", 1, 1))
        await say.offers("other", ("x", 9, version))
    asked.ask(0)
    asked.ask(7)
    asked.ask(0, "cycle:nothing")
    first, later, nothing = await asked.all()
    assert values(first) == [(1, "b1", 1), (3, "b2", 1), (5, "b3", 1), (7, "b4", 1), (9, "a", 5), (9, "b5", 1)]
    assert [value for value in values(later) if value[0] > 7] == [(9, "a", 5), (9, "b5", 1)]
    assert (first.upto, later.upto, nothing) == (10, 10, Stretch((), 10))


async def test_a_storm_is_answered_by_one_scan_and_those_a_moment_later_by_none(
    asked: Asked, say: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    create = consumers.create

    async def count(nc: Client, stream: str, start: Any) -> tuple[str, int]:
        made.append(stream)
        return await create(nc, stream, start)

    monkeypatch.setattr(consumers, "create", count)
    for version in range(1, 30):
        await say.offers("c1", ("a", 9, version))
    for number in range(2_000):
        asked.ask(number % 20)
    assert {values(found)[-1] for found in await asked.all()} == {(29, "a", 29)}
    asked.ask(5)
    assert values((await asked.all())[-1]) == [(29, "a", 29)]
    assert made == [STREAM]


async def test_more_than_a_scans_worth_of_events_is_not_read(
    asked: Asked, say: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 5)
    for version in range(1, 11):
        await say.offers("c1", ("a", 9, version))
    for after in (4, 5):
        asked.ask(after)
    too_old, found = await asked.all()
    assert too_old is None
    assert values(found) == [(10, "a", 10)]


async def test_more_messages_than_a_scan_may_keep_are_not_kept(
    asked: Asked, say: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MESSAGES", 5)
    await say.offers("c1", *((f"o{number}", 1, 1) for number in range(6)))
    asked.ask(0)
    assert await asked.all() == [None]


async def test_a_position_of_another_stream_or_beyond_its_end_is_not_answered(asked: Asked, say: Publisher) -> None:
    await say.offers("c1", ("a", 9, 1))
    asked.ask(0, epoch="ORDERS.0")
    asked.ask(10)
    assert await asked.all() == [None, None]


async def test_events_that_make_no_sense_are_passed_over(asked: Asked, say: Publisher) -> None:
    await say.raw("orders.offers.changed.v1", b"{", {"ce-type": "orders.offers.changed.v1"})
    await say.offers("c1", ("a", 9, 1))
    asked.ask(0)
    assert values((await asked.all())[0]) == [(2, "a", 1)]


async def test_while_the_server_is_away_nothing_can_be_read_and_afterwards_again(
    asked: Asked, say: Publisher, own_nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCAN_S", 0.5)
    await say.offers("c1", ("a", 9, 1))
    own_nats.kill()
    asked.ask(0)
    assert await asked.all() == [None]
    own_nats.start()
    async with asyncio.timeout(10):
        while (await asked.all())[-1] is None:
            asked.ask(0)
    assert values((await asked.all())[-1]) == [(1, "a", 1)]


async def test_so_many_may_wait_and_the_next_is_told_at_once(
    own_nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ASKS", 1)
    idle = Asked(Archive(news_in, Metrics(CollectorRegistry())), "ORDERS.e1")
    idle.ask(0)
    idle.ask(0)
    assert idle.answers == {1: None}


class Told(Outlet):
    """Waits for what a client is told."""

    async def told(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while not (found := [frame for frame in self.frames if wanted(frame)]):  # noqa: ASYNC110 - with a deadline
                await asyncio.sleep(0.005)
        return found[0]


async def test_a_client_that_comes_back_from_before_memory_begins_is_caught_up_from_the_stream(
    nc: Client, say: Publisher, archive: Archive, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "RING_AGE_S", 0)  # a process that begins now remembers nothing of before
    for offer_id in ("a", "b", "c"):
        await say.offers("c1", (offer_id, 9, 1))
    counted, outlet = Counted(), Told()
    hub, metrics = Hub(unix_ms, counted), Metrics(CollectorRegistry())
    feed = Feed(nc, STREAM, NewsDesk(hub, Tickets(KeySet(issuer.jwks_file)), metrics, lambda _: []), metrics)
    reading = asyncio.create_task(feed.run())
    async with asyncio.timeout(5):
        while feed.problem():  # noqa: ASYNC110 - polled with a deadline
            await asyncio.sleep(0.005)
    epoch = (await consumers.extent(nc, STREAM)).epoch
    Subscriber(outlet, hub, archive).watch(Wish(CYCLE, Position(epoch, 1)))
    answer = (await outlet.told(lambda frame: "sub" in frame))["sub"]
    assert answer == {"c": CYCLE, "recovered": True, "pos": {"e": epoch, "o": 1}}
    missed = (await outlet.told(lambda frame: "b" in frame))["b"]
    assert [(m["p"], m["o"], m["d"]["offer_id"]) for m in missed] == [(1, 2, "b"), (2, 3, "c")]
    assert counted.sources == ["stream"]
    await say.offers("c1", ("a", 0, 2))
    news = (await outlet.told(lambda frame: frame.get("b", [{}])[0].get("o") == 4))["b"]
    assert (news[0]["p"], news[0]["v"]) == (3, 2)
    reading.cancel()

"""Crawls as the service starts them, with something in the place of their processes."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from usda_ingest.crawling import crawler as module
from usda_ingest.crawling.crawler import NEVER_RAN, OVERTAKEN, Crawler
from usda_ingest.crawling.outlook import Timetable
from usda_ingest.crawling.plan import Plan
from usda_ingest.crawling.schedule import LATE_DAYS
from usda_ingest.errors import CrawlBusy
from usda_ingest.storing import crawl_sources, crawls

SOURCES = ("index", "mars")
HOUR_S = 3_600


class Children:
    """Stands in for ``usda-ingest crawl``: which sources it sees whole, and how it ends."""

    def __init__(self, db: Any) -> None:
        self.db, self.whole, self.code, self.begins = db, set(SOURCES), 0, True
        self.crawls: list[list[str]] = []

    async def run(self, arguments: Sequence[str], **_: Any) -> int:
        given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        crawl_id, sources = uuid.UUID(given["--crawl-id"]), given.get("--sources", ",".join(SOURCES)).split(",")
        self.crawls.append(sources)
        if self.begins:
            self._crawl(crawl_id, given["--cause"], sources)
        return self.code

    def _crawl(self, crawl_id: uuid.UUID, cause: str, sources: list[str]) -> None:
        with self.db.engine.begin() as connection:
            crawls.begin(connection, crawl_id, source=", ".join(sources), cause=cause)
            crawl_sources.expect(connection, crawl_id, sources)
            for source in self.whole.intersection(sources):
                crawl_sources.start(connection, crawl_id, source)
                crawl_sources.close(connection, crawl_id, source, None)
            if self.code == 0:
                crawls.finish(connection, crawl_id)
            elif self.code > 0:
                crawls.fail(connection, crawl_id, "mars: HTTP 500")


@pytest.fixture
def children(db: Any, monkeypatch: pytest.MonkeyPatch) -> Children:
    found = Children(db)
    monkeypatch.setattr(module, "run_child", found.run)
    return found


@pytest.fixture
async def crawler(
    db: Any, children: Children, timetable_of: Callable[..., Timetable]
) -> AsyncIterator[Callable[..., Crawler]]:
    """Starts the schedule of an index page and of MARS, with the market's date standing still."""
    stop, running = asyncio.Event(), []

    def begin(**environment: str) -> Crawler:
        mars = {"USDA_MARS_URL": "http://mars.test", "USDA_MARS_KEY": "x", "USDA_TODAY": "2026-01-08"}
        made = Crawler(timetable_of(db.engine, **mars, **environment).settings, db.engine)
        running.append(asyncio.create_task(made.run(stop)))
        return made

    yield begin
    stop.set()
    await asyncio.gather(*running)


async def soon(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - a database has no event to wait for
            await asyncio.sleep(0.01)


def seconds_to(crawler: Crawler, source: str) -> float:
    """Return in how many seconds the source is to be visited by itself."""
    outlook = crawler.timetable.look()
    return (crawler.timetable.visit_at(outlook, source) - outlook.now).total_seconds()


async def start(crawler: Crawler, *sources: str) -> uuid.UUID:
    """Start a crawl as soon as none runs."""
    async with asyncio.timeout(20):
        while True:
            with suppress(CrawlBusy):
                return await crawler.start("staff", Plan(sources))
            await asyncio.sleep(0.01)


async def test_the_schedule_tells_for_how_many_market_days_reports_are_late(crawler: Callable[..., Crawler]) -> None:
    def told(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    began = time.time()
    crawler()
    # Nothing was ever stored: that counts as three days.
    await soon(lambda: told("mercadito_usda_days_late") == LATE_DAYS)
    await soon(lambda: told("mercadito_beat_timestamp_seconds", part="crawler") >= began)


async def test_a_source_that_fails_is_put_off_longer_and_longer_and_holds_up_no_other(
    crawler: Callable[..., Crawler], children: Children
) -> None:
    children.whole, children.code = {"index"}, 1
    running = crawler()
    await soon(lambda: 5 < seconds_to(running, "mars") <= 12.5)
    assert children.crawls == [list(SOURCES)]
    assert seconds_to(running, "index") > HOUR_S
    await start(running, "mars")
    await soon(lambda: 12.5 < seconds_to(running, "mars") <= 25)
    await start(running, "mars")
    await soon(lambda: 25 < seconds_to(running, "mars") <= 50)
    children.whole, children.code = set(SOURCES), 0
    await start(running, "mars")
    await soon(lambda: seconds_to(running, "mars") > HOUR_S)
    assert len(children.crawls) == 4


async def test_a_crawl_whose_process_was_killed_is_closed_at_once_and_can_be_taken_up(
    crawler: Callable[..., Crawler], children: Children, db: Any
) -> None:
    children.whole, children.code = {"index"}, -signal.SIGKILL
    running = crawler()
    await soon(lambda: bool(db.value("SELECT count(*) FROM crawls WHERE reason = :why", why=crawls.INTERRUPTED)))
    assert db.value("SELECT string_agg(state, ' ' ORDER BY source) FROM crawl_sources") == "finished failed"
    await soon(lambda: 5 < seconds_to(running, "mars") <= 12.5)
    assert seconds_to(running, "index") > HOUR_S


@pytest.mark.parametrize(("code", "reason"), [(1, NEVER_RAN), (75, OVERTAKEN)])
async def test_a_crawl_that_staff_asked_for_and_that_never_began_says_why(
    *, crawler: Callable[..., Crawler], children: Children, db: Any, code: int, reason: str
) -> None:
    children.begins, children.code = False, code
    crawl_id = await start(crawler(USDA_SCHEDULE="off"))
    await soon(lambda: db.value("SELECT reason FROM crawls WHERE crawl_id = :id", id=crawl_id) == reason)
    (event,) = db.events("usda.crawl.failed.v1")
    assert event["reason"] == reason


async def test_what_the_services_own_stop_ends_counts_against_no_file(
    crawler: Callable[..., Crawler], db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ended(arguments: Sequence[str], *, stop: asyncio.Event, **_: Any) -> int:
        with db.engine.begin() as connection:
            connection.execute(
                text("""
                    INSERT INTO reading_tries (sha256, reader_version, tries, crawl_id, server_began_at)
                    VALUES ('ab', 1, 1, :crawl_id, pg_postmaster_start_time())
                """),
                {"crawl_id": arguments[arguments.index("--crawl-id") + 1]},
            )
        stop.set()
        return -signal.SIGKILL

    monkeypatch.setattr(module, "run_child", ended)
    crawler()
    await soon(lambda: db.value("SELECT tries FROM reading_tries") == 0)

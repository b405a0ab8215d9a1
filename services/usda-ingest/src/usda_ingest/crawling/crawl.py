"""A crawl, in a process of its own: Scrapy's reactor can't be started twice, and its memory goes when it ends."""

import asyncio
import logging
import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from mercadito_events.service.database import create_engine
from scrapy import signals
from scrapy.crawler import Crawler, CrawlerProcess
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from twisted.python.failure import Failure

from usda_ingest.crawling.late_reports import note_missing
from usda_ingest.crawling.plan import Plan
from usda_ingest.crawling.resuming import visit_for
from usda_ingest.crawling.scrapy_settings import scrapy_settings
from usda_ingest.crawling.spider import PriceSpider
from usda_ingest.crawling.traffic import Traffic
from usda_ingest.errors import CrawlBusy, CrawlFailed, CrawlSuperseded
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.configured import build
from usda_ingest.sources.visit import Visit
from usda_ingest.stopping import stop_when_told
from usda_ingest.storing import crawl_sources, crawls
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.raw_files import RawFiles
from usda_ingest.storing.replay import read_anew

# The lock, the intake, the traffic, and one to spare.
POOL_SIZE = 4
PARENT_CHECK_S = 1.0
LOCK_POLL_S = 0.2
# After a usual visit, for what an older reader has read; the rest waits for the next one.
READ_ANEW_S = 60
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a crawl was started for.

    Attributes:
        crawl_id: the crawl that was requested; None makes one.
        cause: schedule, staff, operator or backfill.
        plan: which sources, and for which days.
        wait_s: how long to wait for a crawl that is still running (its process may have just been killed).

    """

    crawl_id: uuid.UUID | None
    cause: str
    plan: Plan
    wait_s: float


def run_crawl(settings: CrawlSettings, order: Order) -> None:
    """Crawl once and return when all is stored.

    Raises:
        CrawlBusy: another one is still running after that time.
        CrawlFailed: the crawl did not see everything; its row says why.
        UnknownSource: the plan names a source that is not configured.

    """
    engine = create_engine(settings.database, pool_size=POOL_SIZE, application_name="usda-crawl")
    try:
        sources = settings.source_names(order.plan.sources)
        with _lock(engine, order.wait_s):
            _run_locked(settings, engine, order, sources)
    finally:
        engine.dispose()


def _run_locked(settings: CrawlSettings, engine: Engine, order: Order, sources: str) -> None:
    crawl_id, plan = order.crawl_id or uuid.uuid4(), order.plan
    with engine.begin() as connection:
        crawls.begin(connection, crawl_id, source=sources, cause=order.cause, window=plan.window)
        crawl_sources.expect(connection, crawl_id, (source.name for source in settings.chosen(plan.sources)))
        visit = visit_for(connection, crawl_id, settings, plan)
    structlog.contextvars.bind_contextvars(crawl_id=str(crawl_id))
    _log.info("crawl_started", source=sources, cause=order.cause, window=str(visit.window))
    began = time.monotonic()
    raw_files = RawFiles(settings.raw_dir)
    raw_files.forget_unfinished()
    intake = Intake(engine, raw_files, crawl_id, settings.market_day(), settings.commodities)
    failure = _spider_failure(settings, Traffic(engine, crawl_id), intake, visit, plan)
    if plan.window is None and failure not in crawls.CUT_SHORT:
        stop, until = stop_when_told(), min(time.monotonic() + READ_ANEW_S, began + settings.deadline_s)
        read_anew(engine, intake, raw_files, lambda: time.monotonic() < until and not stop.is_set())
    with engine.begin() as connection:
        if plan.window is None:
            note_missing(connection, crawl_id, settings, plan)
        if failure is None:
            crawls.finish(connection, crawl_id)
        else:
            crawls.fail(connection, crawl_id, failure)
    if failure is not None:
        raise CrawlFailed(failure)
    _log.info("crawl_finished")


@contextmanager
def _lock(engine: Engine, wait_s: float) -> Iterator[None]:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            with crawls.single_flight(engine):
                yield
                return
        except CrawlBusy:
            if time.monotonic() >= deadline:
                raise
            time.sleep(LOCK_POLL_S)


def _spider_failure(settings: CrawlSettings, traffic: Traffic, intake: Intake, visit: Visit, plan: Plan) -> str | None:
    """Run the spider to its end; return why it did not see everything, None if it did."""
    sources = build(settings.chosen(plan.sources))
    # Scrapy sets levels of its own, so ours come after it.
    process = CrawlerProcess(scrapy_settings(settings, sources=len(sources)))
    for noisy in _NOISY_LOGGERS:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    crawler = process.create_crawler(PriceSpider)
    end = _End(crawler)
    traffic.watch(crawler)
    process.crawl(crawler, sources=sources, visit=visit, intake=intake, hosts=settings.allowed_hosts)
    process.start()
    traffic.write()
    # The usual days are asked for again tomorrow; a window counts as done, so it must be whole.
    return end.failure() or (end.missing() if plan.window is not None else None)


class _End:
    """Watches a crawl: how it ended, whether a callback broke, and whether the service that started it still lives."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._reason, self._broken = crawler, "it never started", ""
        self._parent = os.getppid()
        self._watch: asyncio.Task[None] | None = None
        crawler.signals.connect(self._opened, signals.spider_opened)
        crawler.signals.connect(self._closed, signals.spider_closed)
        crawler.signals.connect(self._callback_broke, signals.spider_error)

    def failure(self) -> str | None:
        spider = self._crawler.spider
        if self._broken:
            return self._broken
        if isinstance(spider, PriceSpider) and spider.failure:
            return spider.failure
        return None if self._reason == "finished" else _REASONS.get(self._reason, self._reason)

    def missing(self) -> str | None:
        """Return how much could not be had for reasons that pass, in words; None when nothing is missing."""
        spider = self._crawler.spider
        missed = spider.not_fetched if isinstance(spider, PriceSpider) else 0
        return f"answers that could not be had: {missed}; the same days are to be asked for again" if missed else None

    def _opened(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._watch_parent())

    def _closed(self, reason: str) -> None:
        self._reason = reason
        if self._watch is not None:
            self._watch.cancel()

    def _callback_broke(self, failure: Failure) -> None:
        error = failure.value
        _log.error("callback_broke", exc_info=error)
        self._broken = self._broken or f"internal error: {type(error).__name__}"
        if isinstance(error, (CrawlSuperseded, OperationalError, InterfaceError, PoolTimeoutError)):
            os.kill(os.getpid(), signal.SIGTERM)  # nothing can be stored any more

    async def _watch_parent(self) -> None:
        # After a kill -9 of the service nobody waits for this crawl; a new service will want the lock.
        while os.getppid() == self._parent:  # noqa: ASYNC110 - there is no event of a parent's death to wait for
            await asyncio.sleep(PARENT_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)


_NOISY_LOGGERS = ("scrapy", "twisted", "asyncio")
_REASONS = {"shutdown": crawls.STOPPED, "closespider_timeout": crawls.OUT_OF_TIME}

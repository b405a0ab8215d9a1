"""Crawls as the service starts them: each a child process with a deadline, by schedule or because staff ask."""

import asyncio
import uuid
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from mercadito_events.service.beats import beat
from mercadito_events.waiting import backoff_s, in_thread
from prometheus_client import Counter, Gauge
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.crawling.children import run_child
from usda_ingest.crawling.outlook import Timetable
from usda_ingest.crawling.plan import Plan
from usda_ingest.errors import CrawlBusy
from usda_ingest.exit_codes import BUSY, FINISHED
from usda_ingest.settings import ServiceSettings
from usda_ingest.storing import crawl_sources, crawls, tries

# What a child gets between its own deadline and ours: to finish a file and write down how it ended.
GRACE_S = 60
RETRY_FIRST_S = 10
RETRY_MOST_S = 3600
LOCK_WAIT_S = 20
# Crawls of other processes, and what they found, are noticed within a minute.
LOOK_EVERY_S = 60
# While another process crawls, or the database is away.
LOOK_AGAIN_S = 5
# Sources that are due so close to each other are visited together.
TOGETHER = timedelta(seconds=60)
NEVER_RAN = "its process could not do its work"
OVERTAKEN = "another crawl was quicker"

_ended = Counter("mercadito_usda_crawls_total", "Crawls by how their process ended", ["outcome"])
_running = Gauge("mercadito_usda_crawl_running", "1 while a crawl of this process runs")
_days_late = Gauge("mercadito_usda_days_late", "Market days for which the awaited reports should have been here")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    crawl_id: uuid.UUID
    plan: Plan


class Crawler:
    """Starts crawls, one at a time; ``run`` is the schedule and ends a child that runs when told to stop."""

    def __init__(self, settings: ServiceSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self.timetable = Timetable(settings, engine)
        self._wanted: asyncio.Queue[_Wanted] = asyncio.Queue(maxsize=1)
        self._is_busy = False
        self._failures: dict[str, int] = {}

    async def start(self, cause: str, plan: Plan) -> uuid.UUID:
        """Start a crawl and return its id; it runs in the background.

        Raises:
            CrawlBusy: one runs, here or in another process.
            UnknownSource: the plan names a source that is not configured.

        """
        if self._is_busy or self._wanted.full():
            raise CrawlBusy("a crawl is running")
        self._is_busy = True
        try:
            crawl_id = await in_thread(self._request, cause, plan)
            self._wanted.put_nowait(_Wanted(crawl_id, plan))
        except BaseException:
            self._is_busy = False
            raise
        return crawl_id

    async def run(self, stop: asyncio.Event) -> None:
        """Crawl whenever one is due or wanted, until told to stop."""
        pause_s = 0.0
        while not stop.is_set():
            beat("crawler")
            wanted = await self._next(stop, pause_s)
            if wanted is not None:
                await self._crawl(wanted.crawl_id, "staff", wanted.plan, stop)
                pause_s = 0.0
            elif not stop.is_set():
                pause_s = await self._look(stop)

    async def _look(self, stop: asyncio.Event) -> float:
        """Crawl if something is due; return how long to wait before looking again."""
        try:
            outlook = await in_thread(self.timetable.look)
        except SQLAlchemyError as error:
            _log.warning("schedule_unknown", problem=type(error).__name__)
            return LOOK_AGAIN_S
        _days_late.set(self.timetable.days_late(outlook))
        if not self._settings.is_scheduled:
            return LOOK_EVERY_S
        if outlook.is_running:
            return LOOK_AGAIN_S
        wait_s = (self.timetable.next_at(outlook) - outlook.now).total_seconds()
        if wait_s > 0:
            return min(wait_s, LOOK_EVERY_S)
        if self._is_busy:  # staff were quicker by a moment
            return LOOK_AGAIN_S
        self._is_busy = True
        soon = outlook.now + TOGETHER
        due = tuple(source for source in outlook.due if self.timetable.visit_at(outlook, source) <= soon)
        await self._crawl(uuid.uuid4(), "schedule", Plan(due), stop)
        return 0.0

    async def _next(self, stop: asyncio.Event, pause_s: float) -> _Wanted | None:
        """Return a wanted crawl, or None after the pause or when all is to stop."""
        wanted, stopping = asyncio.create_task(self._wanted.get()), asyncio.create_task(stop.wait())
        done, pending = await asyncio.wait({wanted, stopping}, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return wanted.result() if wanted in done else None

    async def _crawl(self, crawl_id: uuid.UUID, cause: str, plan: Plan, stop: asyncio.Event) -> None:
        """Run one child to its end, and put off the next scheduled visit of sources that it did not see whole."""
        _running.set(1)
        command = ["crawl", "--crawl-id", str(crawl_id), "--cause", cause, "--wait-s", str(LOCK_WAIT_S)]
        command += plan.arguments()
        deadline_s = self._settings.crawl.deadline_s + LOCK_WAIT_S + GRACE_S
        try:
            code = await run_child(command, stop=stop, deadline_s=deadline_s)
            outcome = {FINISHED: "finished", BUSY: "busy"}.get(code, "failed")
            _ended.labels(outcome).inc()
            whole = frozenset(self._names(plan))
            if code != FINISHED:
                _log.warning("crawl_process_ended", code=code, crawl_id=str(crawl_id))
                never_ran = OVERTAKEN if code == BUSY else NEVER_RAN
                whole = await self._close(crawl_id, never_ran, is_stopped=stop.is_set())
            if plan.window is None and code != BUSY:
                self._put_off(self._names(plan), whole)
        finally:
            self._is_busy = False
            _running.set(0)

    def _names(self, plan: Plan) -> Sequence[str]:
        return [source.name for source in self._settings.crawl.chosen(plan.sources)]

    def _put_off(self, visited: Iterable[str], whole: Collection[str]) -> None:
        """Wait before the next scheduled visit of each source: a little, and longer with each failure in a row."""
        most_s = min(RETRY_MOST_S, self._settings.crawl_every_s)
        for source in visited:
            failures = 0 if source in whole else self._failures.get(source, 0) + 1
            self._failures[source] = failures
            self.timetable.put_off(source, backoff_s(max(0, failures - 1), first_s=RETRY_FIRST_S, most_s=most_s))

    async def _close(self, crawl_id: uuid.UUID, never_ran: str, *, is_stopped: bool) -> frozenset[str]:
        """Close the row of a child that could not do it itself; return the sources that it saw whole.

        If the database is away, the next crawl closes it, and no source counts as seen.
        """
        with suppress(SQLAlchemyError):
            return await in_thread(self._fail, crawl_id, never_ran, is_stopped=is_stopped)
        return frozenset()

    def _request(self, cause: str, plan: Plan) -> uuid.UUID:
        sources = self._settings.crawl.source_names(plan.sources)
        with self._engine.begin() as connection:
            if crawls.is_running(connection):
                raise CrawlBusy("another process crawls")
            return crawls.request(connection, source=sources, cause=cause, window=plan.window)

    def _fail(self, crawl_id: uuid.UUID, never_ran: str, *, is_stopped: bool) -> frozenset[str]:
        with self._engine.begin() as connection:
            if is_stopped:
                tries.excuse(connection, crawl_id)
            found = crawls.find(connection, crawl_id)
            # One that began and was killed is taken up where it was.
            crawls.fail(connection, crawl_id, crawls.INTERRUPTED if found and found["started_at"] else never_ran)
            return frozenset(crawl_sources.finished(connection, crawl_id))

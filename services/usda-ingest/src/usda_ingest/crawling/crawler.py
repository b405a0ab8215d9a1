"""Crawls as the service starts them: each a child process with a deadline, by schedule or because staff ask."""

import asyncio
import sys
import uuid
from contextlib import suppress

import structlog
from mercadito_events.waiting import in_thread
from prometheus_client import Counter, Gauge
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.errors import CrawlBusy
from usda_ingest.settings import ServiceSettings
from usda_ingest.storing import crawls

# What a child gets between its own deadline and ours: to finish a file and write down how it ended.
GRACE_S = 60
STOP_S = 8
RETRY_FIRST_S = 10
LOCK_WAIT_S = 20
NEVER_RAN = "its process could not do its work"

_ended = Counter("mercadito_usda_crawls_total", "Crawls by how their process ended", ["outcome"])
_running = Gauge("mercadito_usda_crawl_running", "1 while a crawl of this process runs")
_log = structlog.get_logger(__name__)


class Crawler:
    """Starts crawls, one at a time; ``run`` is the schedule and ends a child that runs when told to stop."""

    def __init__(self, settings: ServiceSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._wanted: asyncio.Queue[uuid.UUID] = asyncio.Queue(maxsize=1)
        self._is_busy = False

    async def start(self, cause: str) -> uuid.UUID:
        """Start a crawl and return its id; it runs in the background.

        Raises:
            CrawlBusy: one runs, here or in another process.

        """
        if self._is_busy or self._wanted.full():
            raise CrawlBusy("a crawl is running")
        self._is_busy = True
        try:
            crawl_id = await in_thread(self._request, cause)
            self._wanted.put_nowait(crawl_id)
        except BaseException:
            self._is_busy = False
            raise
        return crawl_id

    async def run(self, stop: asyncio.Event) -> None:
        """Crawl whenever one is due or wanted, until told to stop."""
        loop = asyncio.get_running_loop()
        due_at = loop.time() if self._settings.is_scheduled else None
        failures = 0
        while not stop.is_set():
            crawl_id = await self._next(stop, due_at)
            if crawl_id is not None:
                await self._crawl(crawl_id, "staff", stop)
            elif due_at is not None and loop.time() >= due_at and not stop.is_set():
                failures = 0 if await self._scheduled(stop) else failures + 1
                due_at = loop.time() + self._wait_s(failures)

    def _wait_s(self, failures: int) -> float:
        """Return the time to the next scheduled crawl: the usual one, or a short one that doubles with each failure."""
        usual = float(self._settings.crawl_every_s)
        return min(usual, RETRY_FIRST_S * 2.0 ** min(failures - 1, 16)) if failures else usual

    async def _next(self, stop: asyncio.Event, due_at: float | None) -> uuid.UUID | None:
        """Return a wanted crawl, or None when one is due or all is to stop."""
        wanted, stopping = asyncio.create_task(self._wanted.get()), asyncio.create_task(stop.wait())
        left = None if due_at is None else max(0.0, due_at - asyncio.get_running_loop().time())
        done, pending = await asyncio.wait({wanted, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return wanted.result() if wanted in done else None

    async def _scheduled(self, stop: asyncio.Event) -> bool:
        if self._is_busy:
            return False
        self._is_busy = True
        return await self._crawl(None, "schedule", stop)

    async def _crawl(self, crawl_id: uuid.UUID | None, cause: str, stop: asyncio.Event) -> bool:
        """Run one child to its end; return whether the crawl finished."""
        _running.set(1)
        try:
            code = await self._child(crawl_id, cause, stop)
            outcome = {0: "finished", 75: "busy"}.get(code, "failed")
            _ended.labels(outcome).inc()
            if code != 0:
                _log.warning("crawl_process_ended", code=code, crawl_id=str(crawl_id) if crawl_id else None)
                await self._close(crawl_id)
            return code == 0
        finally:
            self._is_busy = False
            _running.set(0)

    async def _child(self, crawl_id: uuid.UUID | None, cause: str, stop: asyncio.Event) -> int:
        command = [sys.executable, "-m", "usda_ingest", "crawl", "--cause", cause, "--wait-s", str(LOCK_WAIT_S)]
        command += ["--crawl-id", str(crawl_id)] if crawl_id else []
        # A session of its own: Ctrl-C at the terminal reaches the service, which then ends its child in order.
        child = await asyncio.create_subprocess_exec(*command, start_new_session=True)
        ended = asyncio.create_task(child.wait())
        stopping = asyncio.create_task(stop.wait())
        limit = self._settings.crawl.deadline_s + LOCK_WAIT_S + GRACE_S
        try:
            await asyncio.wait([ended, stopping], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await _end(child, ended)
        return ended.result()

    async def _close(self, crawl_id: uuid.UUID | None) -> None:
        """Close the row of a child that could not do it itself; if the database is away, the next crawl does it."""
        if crawl_id is not None:
            with suppress(SQLAlchemyError):
                await in_thread(self._fail, crawl_id)

    def _request(self, cause: str) -> uuid.UUID:
        if crawls.is_running(self._engine):
            raise CrawlBusy("another process crawls")
        with self._engine.begin() as connection:
            return crawls.request(connection, source=self._settings.crawl.source_names(), cause=cause)

    def _fail(self, crawl_id: uuid.UUID) -> None:
        with self._engine.begin() as connection:
            crawls.fail(connection, crawl_id, NEVER_RAN)


async def _end(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    """Ask the child to stop, then insist; a file that is half stored rolls back."""
    for _ in range(2):
        if ended.done():
            return
        with suppress(ProcessLookupError):
            child.terminate()  # Scrapy finishes what it holds at the first, and lets go of it at the second
        await asyncio.wait([ended], timeout=STOP_S / 2)
    if not ended.done():
        with suppress(ProcessLookupError):
            child.kill()
        await ended

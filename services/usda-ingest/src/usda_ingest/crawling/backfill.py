"""Fetching the past: month by month, each a crawl of its own in a child process, the newest first."""

import asyncio
import shlex
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import IO

from mercadito_events.waiting import in_thread
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.announcing import room
from usda_ingest.crawling.children import run_child
from usda_ingest.crawling.plan import Plan, PlanError
from usda_ingest.crawling.resuming import settled_at
from usda_ingest.exit_codes import BUSY, FAILED, FINISHED, STOPPED
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.window import Window
from usda_ingest.storing import crawls, tries, visits

SHOWN_EVERY_S = 0.5
# Beyond a crawl's own deadline: for another crawl to end, and for ours to finish a file.
LOCK_GRACE_S = 60
GRACE_S = 60
# A month that does not fit into one crawl's deadline is taken up again, each time a little further on.
MAX_CRAWLS_OF_A_WINDOW = 20
SHOWN_LOG_LINES = 20
Show = Callable[["Step"], None]


@dataclass(frozen=True, slots=True)
class Step:
    """How far a backfill is.

    Attributes:
        window: the days that are being asked for.
        windows_done: windows that are whole.
        windows: all there are.
        crawl: the record of the crawl that runs or has just ended; None before it has begun.
        is_over: whether that window is done with.

    """

    window: Window
    windows_done: int
    windows: int
    crawl: RowMapping | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a backfill ended; ``left`` is what is still to be asked for."""

    code: int
    reason: str = ""
    left: Window | None = None


def plan_backfill(settings: CrawlSettings, plan: Plan) -> Plan:
    """Return the plan with its sources named, and without days that are still to come.

    Raises:
        PlanError: nobody can be asked for these days.
        UnknownSource: the plan names a source that is not configured.

    """
    chosen = settings.chosen(plan.sources)
    unable = [source.name for source in chosen if not source.can_backfill]
    if plan.sources and unable:
        raise PlanError(f"cannot be asked for days: {', '.join(unable)}")
    names = tuple(source.name for source in chosen if source.can_backfill)
    if not names:
        raise PlanError("no configured source can be asked for days; give USDA_PORTAL_URL or USDA_MARS_URL")
    today = settings.market_day()
    if plan.window is None or plan.window.first_on > today:
        raise PlanError(f"--from is after today, {today}")
    window = Window(plan.window.first_on, min(plan.window.last_on, today))
    return replace(plan, sources=names, window=window)


def months(window: Window) -> Iterator[Window]:
    """Cut the days at the ends of months, the newest first; the same months come out whatever the first day is."""
    last_on = window.last_on
    while last_on >= window.first_on:
        first_on = max(window.first_on, last_on.replace(day=1))
        yield Window(first_on, last_on)
        last_on = first_on - timedelta(days=1)


async def backfill(settings: CrawlSettings, engine: Engine, plan: Plan, show: Show) -> Ending:
    """Fetch what the plan asks for and is not stored yet; Ctrl-C ends it in order.

    Args:
        settings: of the crawls.
        engine: where their records are read.
        plan: as ``plan_backfill`` returns it.
        show: is called whenever there is something to show.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending_signal in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending_signal, stop.set)
    assert plan.window is not None  # noqa: S101 - plan_backfill gives one
    run = _Run(settings, engine, plan, show, stop)
    windows = list(months(plan.window))
    for number, window in enumerate(windows):
        step = Step(window, number, len(windows))
        ending = await run.window(step)
        if ending is not None:
            return replace(ending, left=Window(plan.window.first_on, window.last_on))
    return Ending(FINISHED)


def command_to_go_on(plan: Plan, left: Window) -> str:
    """Return the command that does what is left."""
    return shlex.join(["usda-ingest", "backfill", *replace(plan, window=left).arguments()])


class _Run:
    """One backfill under way."""

    def __init__(self, settings: CrawlSettings, engine: Engine, plan: Plan, show: Show, stop: asyncio.Event) -> None:
        self._settings, self._engine, self._plan, self._show, self._stop = settings, engine, plan, show, stop

    async def window(self, step: Step) -> Ending | None:
        """Fetch one window unless it is whole; return how it all ends if it ends here."""
        if await in_thread(self._is_done, step.window):
            self._show(replace(step, windows_done=step.windows_done + 1, is_over=True))
            return None
        if (reason := await in_thread(self._too_full)) is not None:
            return Ending(FAILED, reason)
        return await self._fetch(step)

    async def _fetch(self, step: Step) -> Ending | None:
        for _ in range(MAX_CRAWLS_OF_A_WINDOW):
            crawl_id = uuid.uuid4()
            with tempfile.TemporaryFile() as log:
                code = await self._crawl(step, crawl_id, log)
                crawl = await in_thread(self._find, crawl_id)
                if self._stop.is_set():
                    await in_thread(self._excuse, crawl_id)
                    return Ending(STOPPED, "stopped")
                if code == FINISHED:
                    self._show(replace(step, windows_done=step.windows_done + 1, crawl=crawl, is_over=True))
                    return None
                if code == BUSY:
                    return Ending(BUSY, "another crawl is running")
                if crawl is None or crawl["reason"] != crawls.OUT_OF_TIME:
                    return Ending(FAILED, (crawl and crawl["reason"]) or _last_lines(log))
        return Ending(FAILED, f"{step.window} is not whole after {MAX_CRAWLS_OF_A_WINDOW} crawls")

    async def _crawl(self, step: Step, crawl_id: uuid.UUID, log: IO[bytes]) -> int:
        # A scheduled crawl may come between two windows; it takes no longer than its deadline.
        wait_s = self._settings.deadline_s + LOCK_GRACE_S
        plan = replace(self._plan, window=step.window)
        command = ["crawl", "--cause", "backfill", "--crawl-id", str(crawl_id), "--wait-s", str(wait_s)]
        showing = asyncio.create_task(self._keep_showing(step, crawl_id))
        try:
            deadline_s = wait_s + self._settings.deadline_s + GRACE_S
            return await run_child([*command, *plan.arguments()], stop=self._stop, deadline_s=deadline_s, output=log)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _keep_showing(self, step: Step, crawl_id: uuid.UUID) -> None:
        while True:
            self._show(replace(step, crawl=await in_thread(self._find, crawl_id)))
            await asyncio.sleep(SHOWN_EVERY_S)

    def _is_done(self, window: Window) -> bool:
        if self._plan.again:
            return False
        with self._engine.connect() as connection:
            source = self._settings.source_names(self._plan.sources)
            return visits.is_window_done(connection, source=source, window=window, since=settled_at(window))

    def _too_full(self) -> str | None:
        with self._engine.connect() as connection:
            return room.too_full(connection)

    def _excuse(self, crawl_id: uuid.UUID) -> None:
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            tries.excuse(connection, crawl_id)

    def _find(self, crawl_id: uuid.UUID) -> RowMapping | None:
        with suppress(SQLAlchemyError), self._engine.connect() as connection:
            return crawls.find(connection, crawl_id)
        return None


def _last_lines(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-SHOWN_LOG_LINES:]) or "its process ended without a word"

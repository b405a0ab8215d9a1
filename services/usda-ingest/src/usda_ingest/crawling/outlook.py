"""What comes next: the schedule, asked with what the database knows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from usda_ingest.crawling.schedule import Known, Rhythm, Schedule
from usda_ingest.settings import ServiceSettings
from usda_ingest.storing import crawls, visits


@dataclass(frozen=True, slots=True)
class Outlook:
    """The state of affairs at one moment.

    Attributes:
        now: that moment.
        is_running: some process crawls.
        due: when each source is to be visited; a moment that has passed means now.
        awaited: today's reports that are not in yet.
        newest_on: the newest stored day of each expected report.
        newest_of_all: the newest stored day of any report.

    """

    now: datetime
    is_running: bool
    due: Mapping[str, datetime]
    awaited: tuple[str, ...]
    newest_on: Mapping[str, date]
    newest_of_all: date | None


class Timetable:
    """Says when the next crawl is due.

    Every process that asks hears the same, but for its own pause after failures: all go by the database's clock.
    """

    def __init__(self, settings: ServiceSettings, engine: Engine) -> None:
        rhythm = Rhythm(settings.crawl_every_s, settings.await_every_s)
        self.settings, self._engine = settings, engine
        self.schedule = Schedule(settings.crawl.sources, rhythm, today=settings.crawl.today)
        self._starts_at: datetime | None = None
        self._paused_until: dict[str, float] = {}

    def look(self) -> Outlook:
        """Ask the database what there is, and what follows."""
        with self._engine.connect() as connection:
            now = visits.clock(connection)
            self._starts_at = self._starts_at or now
            today = self.schedule.today(now)
            newest_on = visits.newest_on(connection, self.schedule.reports(), today)
            known = Known(visits.visited_at(connection), newest_on, self._starts_at)
            return Outlook(
                now=now,
                is_running=crawls.is_running(connection),
                due=self.schedule.due(known, now),
                awaited=self.schedule.awaited(known, now),
                newest_on=newest_on,
                newest_of_all=visits.newest_of_all(connection, today),
            )

    def latest_on(self, outlook: Outlook) -> date | None:
        """Return the newest day that is whole: of every awaited report, else of any; None: one never came."""
        expected = self.schedule.reports()
        if not expected:
            return outlook.newest_of_all
        latest = [day for report in expected if (day := outlook.newest_on.get(report)) is not None]
        return min(latest) if len(latest) == len(expected) else None

    def days_late(self, outlook: Outlook) -> int:
        """Return for how many market days the reports should have come."""
        return self.schedule.days_late(self.latest_on(outlook), outlook.now)

    def put_off(self, source: str, pause_s: float) -> None:
        """Let no visit of the source start by itself for so long; one that fails holds up no other."""
        self._paused_until[source] = time.monotonic() + pause_s

    def visit_at(self, outlook: Outlook, source: str) -> datetime:
        """Return when the source is to be visited by itself; not before the outlook's own moment."""
        paused = timedelta(seconds=max(0.0, self._paused_until.get(source, 0.0) - time.monotonic()))
        return max(outlook.now + paused, outlook.due[source])

    def next_at(self, outlook: Outlook) -> datetime:
        """Return when the next crawl is to start by itself."""
        return min(self.visit_at(outlook, source) for source in outlook.due)

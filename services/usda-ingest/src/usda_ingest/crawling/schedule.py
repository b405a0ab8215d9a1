"""When each source is due: by the market's calendar where a report is awaited, else after a plain interval. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from usda_ingest import market_calendar as calendar

# Between two visits on a market day before and after the busy hours, when reports are rare.
QUIET_S = 3600
# A report that stayed away for so many market days is told to staff; one or two are usual around holidays.
LATE_DAYS = 3


class Followed(Protocol):
    """A source as the schedule sees it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def expected(self) -> tuple[str, ...]:
        """The reports that it brings every market day; none where nobody knows."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been seen so far.

    Attributes:
        visited_at: when each source was last visited whole.
        newest_on: each report's newest day.
        starts_at: every source is visited once after this moment, whatever the calendar says.

    """

    visited_at: Mapping[str, datetime]
    newest_on: Mapping[str, date]
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to look.

    Attributes:
        every_s: between two visits of a source whose reports nobody foresees.
        await_s: between two visits in the busy hours while a report is awaited.

    """

    every_s: float
    await_s: float


def expected_on(frozen: date | None, now: datetime) -> date:
    """Return the newest day whose reports should be out."""
    if frozen is None:
        return calendar.expected_on(now)
    return frozen if calendar.is_market_day(frozen) else calendar.market_day_before(frozen)


def days_late(newest_on: date | None, frozen: date | None, now: datetime) -> int:
    """Return for how many market days a report should have come; one never seen is late."""
    return LATE_DAYS if newest_on is None else calendar.market_days_between(newest_on, expected_on(frozen, now))


class Schedule:
    """The times of visits; everything it says follows from what is known and the moment it is asked for."""

    def __init__(self, sources: Iterable[Followed], rhythm: Rhythm, *, today: date | None) -> None:
        """Return a schedule.

        Args:
            sources: what is visited.
            rhythm: how often.
            today: the market's date, where recorded files stand for the market; the calendar then stands still.

        """
        self._sources, self._rhythm, self._today = tuple(sources), rhythm, today

    def today(self, now: datetime) -> date:
        """Return the market's date."""
        return calendar.market_today(self._today, now)

    def expected_on(self, now: datetime) -> date:
        """Return the newest day whose reports should be out."""
        return expected_on(self._today, now)

    def reports(self) -> tuple[str, ...]:
        """Return every report that is to come each market day."""
        return tuple(dict.fromkeys(report for source in self._sources for report in source.expected))

    def awaited(self, known: Known, now: datetime) -> tuple[str, ...]:
        """Return the reports of today that are not in yet; none on a day without a market."""
        return self._missing(self.reports(), known, self.today(now))

    def days_late(self, newest_on: date | None, now: datetime) -> int:
        """Return for how many market days a report should have come; one never seen is late."""
        return days_late(newest_on, self._today, now)

    def due(self, known: Known, now: datetime) -> dict[str, datetime]:
        """Return when each source is to be visited next; a moment that has passed means now."""
        return {source.name: self._due_at(source, known, now) for source in self._sources}

    def _due_at(self, source: Followed, known: Known, now: datetime) -> datetime:
        visited_at = known.visited_at.get(source.name)
        if visited_at is None or visited_at < known.starts_at:
            return known.starts_at
        if self._today is not None or not source.expected:
            return visited_at + timedelta(seconds=self._rhythm.every_s)
        today = calendar.market_date(now)
        if calendar.is_market_day(today):
            is_missing = bool(self._missing(source.expected, known, today))
            again = self._again_at(visited_at, today) if is_missing else calendar.at(today, calendar.LAST_LOOK_AT)
            if visited_at < again and calendar.market_date(again) <= today:
                return again
        return calendar.at(calendar.market_day_on_or_after(today + timedelta(days=1)), calendar.OPENS_AT)

    def _again_at(self, visited_at: datetime, today: date) -> datetime:
        """Return the next visit on a market day whose report is missing.

        Once all are in, there is one more, late: for what is corrected on the same day.
        """
        opens, busy, quiet = (
            calendar.at(today, clock) for clock in (calendar.OPENS_AT, calendar.BUSY_FROM, calendar.BUSY_UNTIL)
        )
        if visited_at < opens:
            return opens
        if visited_at < busy:
            return min(busy, visited_at + timedelta(seconds=QUIET_S))
        if visited_at < quiet:
            return visited_at + timedelta(seconds=self._rhythm.await_s)
        return visited_at + timedelta(seconds=QUIET_S)

    @staticmethod
    def _missing(reports: Iterable[str], known: Known, day: date) -> tuple[str, ...]:
        if not calendar.is_market_day(day):
            return ()
        return tuple(report for report in reports if known.newest_on.get(report, date.min) < day)

"""When the weekly digest is due: a weekday and a time of the hub's clock, once in each week of ISO 8601."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
USUAL = "mon 05:00"
"""When the quiet hours end, before shops open; Friday's prices are in, Monday's market is still going on."""
LATE_BY = timedelta(hours=24)
"""So long after its time a digest that could not be made is still made; then its week goes without."""

_WRITTEN = re.compile(rf"({'|'.join(WEEKDAYS)}) ([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One week's digest."""

    week: str
    """As ISO 8601 writes it: 2026-W49."""
    due_at: datetime
    next_at: datetime
    """When the next one is due, and this one is of no use any more."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A time of the week."""

    weekday: int
    """0 is Monday."""
    at: time

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read ``mon 05:00``.

        Raises:
            ValueError: it is not written so.

        """
        written = _WRITTEN.fullmatch(words)
        if written is None:
            raise ValueError(words)
        return cls(WEEKDAYS.index(written[1]), time(int(written[2]), int(written[3])))

    def of_week(self, now: datetime, zone: ZoneInfo) -> Occurrence:
        """Return the digest of the week that it is there now, due already or not.

        A time that a change of clocks leaves out comes as much later as the clocks went forward; of one that comes
        twice it is the first.
        """
        today = now.astimezone(zone).date()
        year, week, _ = today.isocalendar()
        on = today + timedelta(days=self.weekday - today.weekday())
        due_at, next_at = (
            datetime.combine(on + timedelta(weeks=weeks), self.at, zone).astimezone(UTC) for weeks in (0, 1)
        )
        return Occurrence(f"{year}-W{week:02}", due_at, next_at)

    def due(self, now: datetime, zone: ZoneInfo) -> Occurrence | None:
        """Return the digest that is due now and not too late yet, which may be last week's."""
        weeks = (self.of_week(now - ago, zone) for ago in (timedelta(0), LATE_BY))
        return next((one for one in weeks if one.due_at <= now < one.due_at + LATE_BY), None)

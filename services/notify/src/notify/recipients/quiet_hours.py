"""The hours of the night in which somebody gets nothing that can wait, by the clock on that person's wall."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# A loud part that a change of clocks leaps over comes a day later; a few zones have left out a whole day besides.
DAYS_AHEAD = 3
# Clocks change at a full minute.
MINUTE = timedelta(minutes=1)
_WRITTEN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day until another, which may be past midnight; the end is not quiet any more."""

    starts: time
    ends: time

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``21:00-05:00``.

        Raises:
            ValueError: it is not written so, or begins when it ends.

        """
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(text)
        hours = [int(part) for part in written.groups()]
        found = cls(time(hours[0], hours[1]), time(hours[2], hours[3]))
        if found.starts == found.ends:
            raise ValueError(text)
        return found

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"

    def holds(self, at: datetime, zone: ZoneInfo) -> bool:
        """Say whether it is quiet at this moment there."""
        clock = at.astimezone(zone).time()
        if self.starts < self.ends:
            return self.starts <= clock < self.ends
        return clock >= self.starts or clock < self.ends

    def end_after(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the quiet that holds at this moment ends; None when it does not hold, or ends in no near day.

        Where the clocks go forward over the end it is the first moment after the gap; where they go back over it, the
        first of the two that is still ahead. Where they leap over all that is not quiet, it ends the day after.
        """
        if not self.holds(at, zone):
            return None
        today = at.astimezone(zone).date()
        ends = (end for days in range(DAYS_AHEAD + 1) for end in self._ends_on(today + timedelta(days=days), zone))
        return min((end for end in ends if end > at and not self.holds(end, zone)), default=None)

    def _ends_on(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the moments of a day that may be the end: one, two where it comes twice, a gap's minutes if never."""
        one, other = (datetime.combine(day, self.ends.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
        yield from (one, other)
        # Before a gap the first is reckoned by the clock of before, so it is the later one.
        while other < one:
            other += MINUTE
            yield other


def zone_of(name: str | None, otherwise: ZoneInfo) -> ZoneInfo:
    """Return the zone somebody lives in; the hub's where none is known or this machine does not know it."""
    try:
        return ZoneInfo(name) if name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise

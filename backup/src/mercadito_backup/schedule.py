"""When the clock asks for a backup or a drill: the last moment that has passed, by the hub's clock."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_IN_WEEK = 7


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of each day, or of one weekday."""

    at: time
    weekday: int | None = None

    @classmethod
    def read(cls, text: str) -> "Moment":
        """Read ``02:30`` or ``sun 04:00``.

        Raises:
            ValueError: it is neither.

        """
        found = re.fullmatch(r"(?:([a-z]{3}) )?([0-2][0-9]):([0-5][0-9])", text)
        if found is None:
            raise ValueError(text)
        return cls(time(int(found[2]), int(found[3])), _DAYS.index(found[1]) if found[1] else None)

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return the newest such moment that is not after ``now``.

        A time that a change of clocks leaves out comes an hour later; of one that comes twice the first counts.
        """
        here = now.astimezone(zone)
        back = 0 if self.weekday is None else (here.weekday() - self.weekday) % _DAYS_IN_WEEK
        step = timedelta(days=1 if self.weekday is None else _DAYS_IN_WEEK)
        found = datetime.combine(here.date() - timedelta(days=back), self.at, zone)
        return found if found <= now else datetime.combine(found.date() - step, self.at, zone)

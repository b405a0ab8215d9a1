"""Numbers and times as people here read them: US dollars, the hub's zone by name, the reader's language."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal

CENTS = 100
DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60
DAYS_REMEMBERED = 1_000
SOON_S = 30 * MINUTE_S
SECONDS_SHOWN_BELOW_S = 10 * MINUTE_S
# CLDR's nearest skeletons come back abbreviated.
_LONG_DAY = {"en": "EEEE, MMMM d", "es": "EEEE d 'de' MMMM"}


def money(cents: int) -> str:
    """Write cents as dollars, the same in both languages, as every receipt in Los Angeles does."""
    sign = "-" if cents < 0 else ""
    dollars, rest = divmod(abs(cents), CENTS)
    return f"{sign}${dollars:,}.{rest:02d}"


def unix_ms(moment: datetime) -> int:
    """Write a time as scripts count it."""
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Formats:
    """Formatting for one reader."""

    locale: str
    zone: ZoneInfo

    @property
    def _babel(self) -> Locale:
        # The Spanish of the United States: 12-hour clock, decimal point.
        return Locale(self.locale, "US")

    def number(self, value: int) -> str:
        return str(format_decimal(value, locale=self._babel))

    def day(self, day: date) -> str:
        """Write a date with its weekday: "Thu, Jan 8"."""
        return _skeleton("MMMEd", day, self.locale)

    def long_day(self, day: date) -> str:
        """Write a date as a heading needs it: "Thursday, January 8"."""
        return str(format_date(day, _LONG_DAY[self.locale], locale=self._babel))

    def short_day(self, day: date) -> str:
        """Write a date without its weekday: "Jan 8"; with the year when it is not this one's."""
        return _skeleton("MMMd" if day.year == self.today().year else "yMMMd", day, self.locale)

    def clock(self, moment: datetime) -> str:
        """Write a time of day in the hub's zone, which is named: "6:00 PM PST"."""
        local = moment.astimezone(self.zone)
        return f"{self._time(local)} {local.tzname()}"

    def moment(self, moment: datetime) -> str:
        """Write day and time in the hub's zone, which is named: "Thu, Jan 8, 6:00 PM PST"."""
        local = moment.astimezone(self.zone)
        return f"{self.day(local.date())}, {self.clock(moment)}"

    def weekday_time(self, moment: datetime) -> str:
        """Write the weekday and the time of something in the next days: "Thu 2:00 PM PST"."""
        local = moment.astimezone(self.zone)
        return f"{_skeleton('E', local.date(), self.locale)} {self.clock(moment)}"

    def today(self) -> date:
        return datetime.now(self.zone).date()

    def _time(self, local: datetime) -> str:
        # CLDR puts narrow no-break spaces here; old phones draw them as boxes.
        return str(format_time(local.time(), "short", locale=self._babel)).replace("\u202f", "\u00a0")


@lru_cache(maxsize=DAYS_REMEMBERED)
def _skeleton(skeleton: str, day: date, locale: str) -> str:
    # A page of 3,000 offers writes the same few days 3,000 times.
    return str(format_skeleton(skeleton, day, locale=Locale(locale, "US")))


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How long until a cutoff; the words around the figures are the template's."""

    seconds: int

    @classmethod
    def between(cls, now: datetime, then: datetime) -> "TimeLeft":
        return cls(max(0, int((then - now) / timedelta(seconds=1))))

    @property
    def days(self) -> int:
        return self.seconds // DAY_S

    @property
    def hours(self) -> int:
        return self.seconds % DAY_S // HOUR_S

    @property
    def minutes(self) -> int:
        return self.seconds % HOUR_S // MINUTE_S

    @property
    def is_soon(self) -> bool:
        return 0 < self.seconds <= SOON_S

    @property
    def is_over(self) -> bool:
        return self.seconds == 0

    @property
    def precise(self) -> str | None:
        """Return minutes and seconds in the last ten minutes, else None."""
        if self.seconds > SECONDS_SHOWN_BELOW_S:
            return None
        return f"{self.seconds // MINUTE_S}:{self.seconds % MINUTE_S:02d}"

"""The market's calendar: on which days the USDA reports, and when a day's report comes out. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MARKET_ZONE = ZoneInfo("America/Los_Angeles")
# Los Angeles publishes from 09:17 to 14:21, 95 % of it from 12:00 on (reference, section 4).
OPENS_AT = time(9, 0)
BUSY_FROM = time(12, 0)
BUSY_UNTIL = time(15, 0)
# Whoever corrects a report on its own day has done it by then.
LAST_LOOK_AT = time(18, 0)
JUNETEENTH_SINCE = 2022
SATURDAY = 5
SUNDAY = 6
_DAY = timedelta(days=1)
SPANISH = {
    "New Year's Day": "Año Nuevo",
    "Martin Luther King Jr. Day": "Día de Martin Luther King Jr.",
    "Presidents' Day": "Día de los Presidentes",
    "Memorial Day": "Día de los Caídos",
    "Juneteenth": "Juneteenth (fin de la esclavitud)",
    "Independence Day": "Día de la Independencia",
    "Labor Day": "Día del Trabajo",
    "Columbus Day": "Día de la Raza",
    "Veterans Day": "Día de los Veteranos",
    "Thanksgiving Day": "Día de Acción de Gracias",
    "Christmas Eve": "Nochebuena",
    "Christmas Day": "Navidad",
    "Day after Christmas": "Día después de Navidad",
}


def holidays(year: int) -> dict[date, str]:
    """Return the year's days without a report, by the federal rule and by what the market's reporters do at Christmas.

    A holiday on a Saturday is observed on Friday, one on a Sunday on Monday; its own day is no market day anyhow.
    """
    fixed = _fixed(year) | {day: name for day, name in _fixed(year + 1).items() if day.month == 1}
    observed = {_observed(day): name for day, name in fixed.items()}
    found = observed | _by_weekday(year)
    # Both sides of Christmas were without reports in the window that was measured; they are not moved to other days.
    found |= {date(year, 12, 24): "Christmas Eve", date(year, 12, 26): "Day after Christmas"} | {
        day: name for day, name in found.items() if name == "Christmas Day"
    }
    return {day: name for day, name in found.items() if day.year == year and day.weekday() < SATURDAY}


def holiday(day: date) -> str | None:
    """Return the holiday on that weekday, if it is one."""
    return _holidays(day.year).get(day)


def holiday_es(day: date) -> str | None:
    """Return the holiday's name in Spanish."""
    name = holiday(day)
    return None if name is None else SPANISH[name]


def is_market_day(day: date) -> bool:
    """Say whether a report is to be expected of that day. One may stay away all the same."""
    return day.weekday() < SATURDAY and holiday(day) is None


def market_day_on_or_after(day: date) -> date:
    """Return the first market day that is not before."""
    while not is_market_day(day):
        day += _DAY
    return day


def market_day_before(day: date) -> date:
    """Return the last market day before."""
    day -= _DAY
    while not is_market_day(day):
        day -= _DAY
    return day


def market_days_between(earlier: date, later: date) -> int:
    """Count the market days after ``earlier`` up to and with ``later``; 0 when there are none."""
    days = (earlier + _DAY * number for number in range(1, (later - earlier).days + 1))
    return sum(1 for day in days if is_market_day(day))


def market_date(now: datetime) -> date:
    """Return the market's date at that moment."""
    return now.astimezone(MARKET_ZONE).date()


def market_today(frozen: date | None, now: datetime) -> date:
    """Return the market's date: the frozen one, where recorded files stand for the market."""
    return frozen or market_date(now)


def at(day: date, clock: time) -> datetime:
    """Return the moment, in UTC, when clocks at the market show that; for the hour that spring skips, one after it."""
    return datetime.combine(day, clock, MARKET_ZONE).astimezone(UTC)


def expected_on(now: datetime) -> date:
    """Return the newest day whose report should be out by now: today's once its busy hours are over."""
    today = market_date(now)
    if is_market_day(today) and now >= at(today, BUSY_UNTIL):
        return today
    return market_day_before(today)


@lru_cache(maxsize=64)
def _holidays(year: int) -> dict[date, str]:
    return holidays(year)


def _fixed(year: int) -> dict[date, str]:
    # A holiday since the day before that of 2021, when reports came out nevertheless.
    juneteenth = {date(year, 6, 19): "Juneteenth"} if year >= JUNETEENTH_SINCE else {}
    return juneteenth | {
        date(year, 1, 1): "New Year's Day",
        date(year, 7, 4): "Independence Day",
        date(year, 11, 11): "Veterans Day",
        date(year, 12, 25): "Christmas Day",
    }


def _by_weekday(year: int) -> dict[date, str]:
    last_of_may = date(year, 5, 31)
    return {
        _nth_weekday(year, 1, 0, 3): "Martin Luther King Jr. Day",
        _nth_weekday(year, 2, 0, 3): "Presidents' Day",
        last_of_may - _DAY * last_of_may.weekday(): "Memorial Day",
        _nth_weekday(year, 9, 0, 1): "Labor Day",
        _nth_weekday(year, 10, 0, 2): "Columbus Day",
        _nth_weekday(year, 11, 3, 4): "Thanksgiving Day",
    }


def _observed(day: date) -> date:
    return day - _DAY if day.weekday() == SATURDAY else day + _DAY if day.weekday() == SUNDAY else day


def _nth_weekday(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + _DAY * ((weekday - first.weekday()) % 7 + 7 * (number - 1))

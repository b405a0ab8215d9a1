"""Days counted as the market counts them: by its calendar, without weekends and holidays.

What is dated on a day without a market belongs to the market day before. A market day without a quote is missing, and
nothing is said to have stood still on it.
"""

from bisect import bisect_right
from datetime import date
from functools import lru_cache

from usda_ingest.market_calendar import holidays

DAYS_A_WEEK = 5
DAYS_A_YEAR = 248
"""About: 261 weekdays without the holidays."""
MAX_AGE = 7
"""A series whose newest quote is older than this many market days gets no forecast."""
_YEARS = range(1980, 2151)
_WEEK = 7


@lru_cache(maxsize=1)
def holiday_places() -> tuple[int, ...]:
    """Return the place of every holiday among all weekdays, in order."""
    return tuple(_weekdays_before(day) for year in _YEARS for day in sorted(holidays(year)))


@lru_cache(maxsize=1)
def market_days_before_holidays() -> tuple[int, ...]:
    """Return how many market days lie before each holiday, in order."""
    return tuple(place - earlier for earlier, place in enumerate(holiday_places()))


def number(day: date) -> int:
    """Return the day's place among all market days; the one of the market day before for a day without a market."""
    place = _weekdays_before(day)
    return place - bisect_right(holiday_places(), place)


def day(number: int) -> date:
    """Return the market day with this number."""
    place = number + bisect_right(market_days_before_holidays(), number)
    week, weekday = divmod(place, DAYS_A_WEEK)
    return date.fromordinal(week * _WEEK + weekday + 1)


def age(quoted_on: date, today: date) -> int:
    """Return how many market days old a quote is."""
    return number(today) - number(quoted_on)


def oldest_fresh(today: date) -> date:
    """Return the oldest day whose quotes are not stale yet."""
    return day(number(today) - MAX_AGE)


def _weekdays_before(day: date) -> int:
    """Return the day's place among all weekdays; the one of its Friday for a Saturday or Sunday."""
    week, weekday = divmod(day.toordinal() - 1, _WEEK)
    return week * DAYS_A_WEEK + min(weekday, DAYS_A_WEEK - 1)

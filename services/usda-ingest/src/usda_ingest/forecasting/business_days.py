"""Days counted as the market counts them: Monday to Friday; what is dated on a weekend belongs to the Friday before.

A market holiday is a business day without a quote: it is missing, and nothing is said to have stood still on it.
"""

from datetime import date

DAYS_A_WEEK = 5
MAX_AGE = 7
"""A series whose newest quote is older than this many business days gets no forecast."""


def number(day: date) -> int:
    """Return the day's place among all business days; the one of the Friday before for a Saturday or Sunday."""
    week, weekday = divmod(day.toordinal() - 1, 7)
    return week * DAYS_A_WEEK + min(weekday, DAYS_A_WEEK - 1)


def day(place: int) -> date:
    """Return the business day with this number."""
    week, weekday = divmod(place, DAYS_A_WEEK)
    return date.fromordinal(week * 7 + weekday + 1)


def age(quoted_on: date, today: date) -> int:
    """Return how many business days old a quote is."""
    return number(today) - number(quoted_on)


def oldest_fresh(today: date) -> date:
    """Return the oldest day whose quotes are not stale yet."""
    return day(number(today) - MAX_AGE)

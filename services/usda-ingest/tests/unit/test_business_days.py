"""Business days: weekends belong to Friday, and counting is the inverse of dating."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from usda_ingest.forecasting.business_days import MAX_AGE, age, day, number, oldest_fresh

DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))


@given(DAYS)
def test_a_weekday_is_its_own_business_day_and_a_weekend_is_fridays(on: date) -> None:
    friday_of_it = on - timedelta(days=max(0, on.weekday() - 4))
    assert day(number(on)) == friday_of_it


@given(DAYS)
def test_the_next_weekday_has_the_next_number(on: date) -> None:
    monday_or_next = on + timedelta(days=3 if on.weekday() == 4 else 2 if on.weekday() == 5 else 1)
    assert number(monday_or_next) == number(on) + 1


@given(DAYS)
def test_the_oldest_fresh_day_is_fresh_and_the_one_before_is_not(today: date) -> None:
    oldest = oldest_fresh(today)
    assert age(oldest, today) == MAX_AGE
    assert age(oldest - timedelta(days=1 if oldest.weekday() else 3), today) == MAX_AGE + 1

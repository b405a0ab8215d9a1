"""Market days: weekends and holidays belong to the market day before, and counting is the inverse of dating."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from usda_ingest.forecasting import grid
from usda_ingest.forecasting.market_days import DAYS_A_YEAR, MAX_AGE, age, day, number, oldest_fresh
from usda_ingest.market_calendar import is_market_day, market_day_before, market_day_on_or_after

DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
A_DAY = timedelta(days=1)


@given(DAYS)
def test_a_market_day_is_its_own_and_any_other_day_is_the_one_befores(on: date) -> None:
    assert day(number(on)) == (on if is_market_day(on) else market_day_before(on))


@given(DAYS)
def test_the_next_market_day_has_the_next_number(on: date) -> None:
    assert number(market_day_on_or_after(on + A_DAY)) == number(on) + 1


@given(DAYS)
def test_the_oldest_fresh_day_is_fresh_and_the_one_before_is_not(today: date) -> None:
    oldest = oldest_fresh(today)
    assert age(oldest, today) == MAX_AGE
    assert age(oldest - A_DAY, today) == MAX_AGE + 1


@given(st.lists(DAYS, min_size=1, max_size=50))
def test_many_days_are_counted_and_dated_as_one_is(days: list[date]) -> None:
    numbers = grid.numbers([one.toordinal() for one in days])
    assert list(numbers) == [number(one) for one in days]
    assert list(grid.ordinals(np.asarray(numbers))) == [day(number(one)).toordinal() for one in days]


@pytest.mark.parametrize("year", [1994, 2021, 2026, 2031])
def test_a_year_has_about_so_many_market_days(year: int) -> None:
    assert abs(age(date(year, 1, 1), date(year + 1, 1, 1)) - DAYS_A_YEAR) <= 3

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from usda_ingest import market_calendar as calendar

DAYS = some.dates(min_value=date(1990, 1, 1), max_value=date(2100, 12, 31))
MOMENTS = some.builds(lambda day, clock: datetime.combine(day, clock, UTC), DAYS, some.times())


def test_the_days_that_the_measured_window_lacks_are_the_calendars_too() -> None:
    window = [date(2025, 12, 10) + timedelta(days=number) for number in range(43)]
    missing = [f"{day:%m-%d}" for day in window if day.weekday() < 5 and not calendar.is_market_day(day)]
    assert missing == ["12-24", "12-25", "12-26", "01-01", "01-19"]


def test_a_years_holidays_by_name() -> None:
    assert {f"{day:%m-%d}": name for day, name in sorted(calendar.holidays(2026).items())} == {
        "01-01": "New Year's Day",
        "01-19": "Martin Luther King Jr. Day",
        "02-16": "Presidents' Day",
        "05-25": "Memorial Day",
        "06-19": "Juneteenth",
        "07-03": "Independence Day",
        "09-07": "Labor Day",
        "10-12": "Columbus Day",
        "11-11": "Veterans Day",
        "11-26": "Thanksgiving Day",
        "12-24": "Christmas Eve",
        "12-25": "Christmas Day",
    }


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2021, 12, 31), "New Year's Day"),  # a Saturday's, in the year before
        (date(2023, 1, 2), "New Year's Day"),  # a Sunday's
        (date(2022, 12, 26), "Christmas Day"),  # a Sunday's, on the day after
        (date(2027, 12, 24), "Christmas Day"),  # a Saturday's, on the eve
        (date(2021, 7, 5), "Independence Day"),
        (date(2024, 5, 27), "Memorial Day"),
        (date(2023, 11, 10), "Veterans Day"),
    ],
)
def test_a_holiday_on_a_weekend_is_observed_beside_it(day: date, name: str) -> None:
    assert calendar.holiday(day) == name
    assert not calendar.is_market_day(day)


@given(some.integers(min_value=1990, max_value=2100))
def test_every_year_has_its_holidays_on_weekdays_only(year: int) -> None:
    found = calendar.holidays(year)
    assert {day.year for day in found} == {year}
    assert all(day.weekday() < 5 for day in found)
    # ten federal ones, eleven since 2022, of which New Year's Day can be observed in the year before; eve and day after
    assert 9 + (year >= 2022) <= len(found) <= 13 + (year >= 2022)


def test_every_holiday_has_a_name_in_spanish() -> None:
    days = [day for year in range(1990, 2101) for day in calendar.holidays(year)]
    assert {calendar.holiday(day) for day in days} == set(calendar.SPANISH)
    assert all(calendar.holiday_es(day) for day in days)
    assert calendar.holiday_es(date(2026, 1, 20)) is None


@given(DAYS)
def test_the_next_and_the_last_market_day_are_market_days_and_near(day: date) -> None:
    following, before = calendar.market_day_on_or_after(day), calendar.market_day_before(day)
    assert before < day <= following
    assert calendar.is_market_day(following)
    assert calendar.is_market_day(before)
    assert (following - before).days <= 7
    assert calendar.market_day_on_or_after(following) == following


@given(DAYS, some.integers(min_value=-30, max_value=60), some.integers(min_value=0, max_value=60))
def test_market_days_add_up(day: date, first: int, second: int) -> None:
    middle = day + timedelta(days=first)
    end = middle + timedelta(days=second)
    if first >= 0:
        whole = calendar.market_days_between(day, end)
        assert whole == calendar.market_days_between(day, middle) + calendar.market_days_between(middle, end)
    else:
        assert calendar.market_days_between(day, middle) == 0


@given(MOMENTS)
def test_the_expected_report_is_of_a_market_day_that_is_over_or_nearly(now: datetime) -> None:
    day = calendar.expected_on(now)
    assert calendar.is_market_day(day)
    assert calendar.at(day, calendar.BUSY_UNTIL) <= now
    following = calendar.market_day_on_or_after(day + timedelta(days=1))
    assert now < calendar.at(following, calendar.BUSY_UNTIL)


def test_the_markets_clock_follows_daylight_saving_time() -> None:
    opens = calendar.OPENS_AT
    assert calendar.at(date(2026, 3, 6), opens).isoformat() == "2026-03-06T17:00:00+00:00"
    assert calendar.at(date(2026, 3, 9), opens).isoformat() == "2026-03-09T16:00:00+00:00"
    assert calendar.at(date(2026, 10, 30), opens).isoformat() == "2026-10-30T16:00:00+00:00"
    assert calendar.at(date(2026, 11, 2), opens).isoformat() == "2026-11-02T17:00:00+00:00"
    # both 02:30 of spring, which no clock shows, and the two 01:30 of autumn are moments in order
    assert calendar.at(date(2026, 3, 8), time(1, 59)) < calendar.at(date(2026, 3, 8), time(2, 30))
    assert calendar.at(date(2026, 11, 1), time(1, 30)) < calendar.at(date(2026, 11, 1), time(2, 0))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-01-09T07:59:00+00:00", "2026-01-08"),  # one minute before midnight at the market
        ("2026-01-09T08:00:00+00:00", "2026-01-09"),
        ("2026-07-09T06:59:00+00:00", "2026-07-08"),
        ("2026-07-09T07:00:00+00:00", "2026-07-09"),
    ],
)
def test_the_markets_date_is_that_of_its_own_clock(now: str, day: str) -> None:
    assert calendar.market_date(datetime.fromisoformat(now)).isoformat() == day

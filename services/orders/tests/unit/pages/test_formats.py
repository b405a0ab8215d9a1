from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orders.entrypoints.pages.formats import Formats, TimeLeft, money

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (1_250, "$12.50"), (123_456_789, "$1,234,567.89"), (-150, "-$1.50")],
)
def test_money_is_dollars_and_cents(cents: int, text: str) -> None:
    assert money(cents) == text


@pytest.mark.parametrize(
    ("locale", "text"), [("en", "Thu, Jan 8, 6:00 PM PST"), ("es", "jue, 8 de ene, 6:00 p.m. PST")]
)
def test_a_moment_is_told_in_the_hubs_zone_by_name(locale: str, text: str) -> None:
    told = Formats(locale, LOS_ANGELES).moment(datetime(2026, 1, 9, 2, 0, tzinfo=UTC))
    assert told.replace("\xa0", " ") == text


def test_summer_has_its_own_zone_name() -> None:
    assert Formats("en", LOS_ANGELES).clock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC)).endswith("PDT")


@pytest.mark.parametrize(("locale", "text"), [("en", "Thursday, January 8"), ("es", "jueves 8 de enero")])
def test_a_heading_spells_the_day_out(locale: str, text: str) -> None:
    assert Formats(locale, LOS_ANGELES).long_day(date(2026, 1, 8)) == text


def test_a_day_of_another_year_says_so() -> None:
    formats = Formats("en", LOS_ANGELES)
    assert formats.short_day(date(1999, 1, 8)) == "Jan 8, 1999"
    assert formats.short_day(date(formats.today().year, 1, 8)) == "Jan 8"


def test_time_left_never_runs_backwards() -> None:
    now = datetime(2026, 1, 8, tzinfo=UTC)
    assert TimeLeft.between(now, now - timedelta(hours=1)) == TimeLeft(0)
    assert TimeLeft(0).is_over


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [(90_061, (1, 1, 1)), (3_600, (0, 1, 0)), (3_599, (0, 0, 59)), (86_399, (0, 23, 59))],
)
def test_time_left_comes_in_days_hours_and_minutes(seconds: int, parts: tuple[int, int, int]) -> None:
    left = TimeLeft(seconds)
    assert (left.days, left.hours, left.minutes) == parts


def test_the_last_ten_minutes_count_seconds_and_the_last_half_hour_is_soon() -> None:
    assert (TimeLeft(600).precise, TimeLeft(601).precise, TimeLeft(61).precise) == ("10:00", None, "1:01")
    assert (TimeLeft(1_800).is_soon, TimeLeft(1_801).is_soon, TimeLeft(0).is_soon) == (True, False, False)

"""When the weekly digest is due: once in each ISO week, by the hub's clock, over changes of clocks and outages."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.market.schedule import LATE_BY, USUAL, WEEKDAYS, Schedule

LA = ZoneInfo("America/Los_Angeles")
MONDAY = Schedule.parse(USUAL)


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=LA).astimezone(UTC)


@pytest.mark.parametrize(
    "words", ["", "mon", "Mon 05:00", "mon 5:00", "mon 24:00", "mon 05:60", "mon  05:00", "x 05:00"]
)
def test_what_is_written_otherwise_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        Schedule.parse(words)


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-11-30 04:59:59", None),
        ("2026-11-30 05:00:00", "2026-W49"),
        ("2026-12-01 04:59:59", "2026-W49"),
        ("2026-12-01 05:00:00", None),
        ("2026-11-29 12:00:00", None),
        # Weeks of ISO 8601: the first days of January may belong to the year before.
        ("2027-01-04 05:00:00", "2027-W01"),
        ("2026-12-28 06:00:00", "2026-W53"),
    ],
)
def test_it_is_due_for_a_day_from_its_time_on(now: str, week: str | None) -> None:
    due = MONDAY.due(at(now), LA)
    assert (due and due.week) == week


def test_after_an_outage_over_midnight_last_weeks_is_still_made() -> None:
    sunday = Schedule.parse("sun 20:00")
    due = sunday.due(at("2026-11-30 10:00:00"), LA)
    assert due is not None
    assert due.week == "2026-W48"
    assert sunday.due(at("2026-11-30 20:00:00"), LA) is None


@pytest.mark.parametrize(
    ("words", "now", "due_at"),
    [
        # 02:30 is left out on March 8, 2026: as much later as the clocks went forward.
        ("sun 02:30", "2026-03-08T12:00:00+00:00", "2026-03-08T10:30:00+00:00"),
        # 01:30 comes twice on November 1, 2026: the first.
        ("sun 01:30", "2026-11-01T12:00:00+00:00", "2026-11-01T08:30:00+00:00"),
        ("mon 05:00", "2026-03-09T13:00:00+00:00", "2026-03-09T12:00:00+00:00"),
        ("mon 05:00", "2026-11-02T14:00:00+00:00", "2026-11-02T13:00:00+00:00"),
    ],
)
def test_clocks_that_change_make_it_neither_twice_nor_never(words: str, now: str, due_at: str) -> None:
    due = Schedule.parse(words).due(datetime.fromisoformat(now), LA)
    assert due is not None
    assert due.due_at == datetime.fromisoformat(due_at)


@given(
    st.sampled_from(WEEKDAYS),
    st.times(),
    st.sampled_from(["America/Los_Angeles", "America/Santiago", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 60 * 24 * 400),
)
def test_at_each_minute_of_a_year_one_or_none_is_due_and_the_next_follows(
    day: str, time: object, zone: str, minute: int
) -> None:
    schedule, place = Schedule.parse(f"{day} {time:%H:%M}"), ZoneInfo(zone)
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    due = schedule.due(now, place)
    if due is not None:
        assert due.due_at <= now < due.due_at + LATE_BY
        # Even beside a change of clocks the next comes when this one expires, under the next week's name.
        following = schedule.due(due.next_at, place)
        assert following is not None
        assert following.due_at == due.next_at
        assert following.week > due.week

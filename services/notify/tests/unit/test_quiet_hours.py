import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from notify.recipients.quiet_hours import QuietHours, zone_of

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
NIGHT = QuietHours.parse("21:00-05:00")
# Half an hour forward, across the date line, a zone whose clocks change at midnight, one without changes.
ZONES = ["America/Los_Angeles", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana", "Asia/Kathmandu", "UTC"]
TIMES = st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0))


def there(text: str, zone: ZoneInfo = LOS_ANGELES, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-07-01T21:00", "2026-07-02T05:00"),
        ("2026-07-01T23:59", "2026-07-02T05:00"),
        ("2026-07-02T00:00", "2026-07-02T05:00"),
        ("2026-07-02T04:59", "2026-07-02T05:00"),
    ],
)
def test_what_comes_at_night_waits_until_the_morning(now: str, until: str) -> None:
    assert NIGHT.end_after(there(now), LOS_ANGELES) == there(until)


@pytest.mark.parametrize("now", ["2026-07-02T05:00", "2026-07-02T12:00", "2026-07-02T20:59"])
def test_by_day_nothing_waits(now: str) -> None:
    assert NIGHT.end_after(there(now), LOS_ANGELES) is None


def test_the_night_is_that_of_the_readers_zone() -> None:
    at = there("2026-07-01T20:00")
    assert NIGHT.end_after(at, LOS_ANGELES) is None
    assert NIGHT.end_after(at, ZoneInfo("America/New_York")) == at + timedelta(hours=6)


def test_quiet_hours_may_lie_within_a_day() -> None:
    siesta = QuietHours.parse("13:00-15:30")
    assert siesta.end_after(there("2026-07-01T14:00"), LOS_ANGELES) == there("2026-07-01T15:30")
    assert siesta.end_after(there("2026-07-01T15:30"), LOS_ANGELES) is None


def test_in_spring_the_night_is_an_hour_shorter() -> None:
    assert NIGHT.end_after(there("2026-03-08T01:00"), LOS_ANGELES) == there("2026-03-08T01:00") + timedelta(hours=3)


def test_in_autumn_the_night_is_an_hour_longer() -> None:
    assert NIGHT.end_after(there("2026-11-01T00:30"), LOS_ANGELES) == there("2026-11-01T00:30") + timedelta(hours=5.5)


@pytest.mark.parametrize("ends", ["02:01", "02:30", "02:59", "03:00"])
def test_an_end_that_the_clocks_leap_over_is_the_first_moment_after_it(ends: str) -> None:
    end = QuietHours.parse(f"22:00-{ends}").end_after(there("2026-03-08T01:59"), LOS_ANGELES)
    assert end == datetime(2026, 3, 8, 10, 0, tzinfo=UTC)
    assert end.astimezone(LOS_ANGELES).time() == time(3, 0)


def test_an_end_that_comes_twice_counts_each_time() -> None:
    early = QuietHours.parse("22:00-01:30")
    first, second = there("2026-11-01T01:30"), there("2026-11-01T01:30", fold=1)
    assert second - first == timedelta(hours=1)
    assert early.end_after(there("2026-11-01T01:10"), LOS_ANGELES) == first
    assert early.end_after(first, LOS_ANGELES) is None
    assert early.end_after(there("2026-11-01T01:10", fold=1), LOS_ANGELES) == second


def test_hours_of_which_the_loud_part_is_leapt_over_last_a_day_longer() -> None:
    almost_always = QuietHours.parse("02:45-02:15")
    assert almost_always.end_after(there("2027-03-13T12:00"), LOS_ANGELES) == there("2027-03-15T02:15")
    assert almost_always.end_after(there("2027-03-14T12:00"), LOS_ANGELES) == there("2027-03-15T02:15")


@example("America/Los_Angeles", time(2, 45), time(2, 15), datetime(2027, 3, 13, 20, tzinfo=UTC))
@example("Pacific/Apia", time(12), time(11, 59), datetime(2011, 12, 29, 23, tzinfo=UTC))
@given(
    st.sampled_from(ZONES),
    TIMES,
    TIMES,
    st.integers(1_577_836_800, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_a_hold_always_ends_within_two_days_and_where_it_is_not_quiet(
    zone: str, starts: time, ends: time, at: datetime
) -> None:
    if starts == ends:
        return
    quiet, there_zone = QuietHours(starts, ends), ZoneInfo(zone)
    until = quiet.end_after(at, there_zone)
    assert (until is not None) == quiet.holds(at, there_zone)
    if until is not None:
        assert at < until <= at + timedelta(hours=50)
        assert not quiet.holds(until, there_zone)


@pytest.mark.parametrize("text", ["", "21-5", "21:00", "21:00-21:00", "24:00-05:00", "9:00-05:00", "21:00-05:00 "])
def test_other_ways_of_writing_them_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text) or "^$"):
        QuietHours.parse(text)


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc/passwd"])
def test_who_lives_nowhere_we_know_lives_by_the_hubs_clock(name: str | None) -> None:
    assert zone_of(name, LOS_ANGELES) is LOS_ANGELES
    assert zone_of("Europe/Madrid", LOS_ANGELES).key == "Europe/Madrid"

"""The schedule, played through: a market publishes, a service visits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some
from usda_ingest import market_calendar as calendar
from usda_ingest.crawling.schedule import LATE_DAYS, QUIET_S, Known, Rhythm, Schedule

EVERY_S, AWAIT_S = 6 * 3600, 600
CRAWL = timedelta(seconds=40)


@dataclass(frozen=True)
class Source:
    name: str
    expected: tuple[str, ...] = ()


MARS, INDEX = Source("mars", ("2306", "2307")), Source("index")


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def schedule(*sources: Source, today: date | None = None) -> Schedule:
    return Schedule(sources, Rhythm(EVERY_S, AWAIT_S), today=today)


def known_of(
    visited_at: dict[str, datetime], newest_on: dict[str, date] | None = None, starts_at: datetime = LONG_AGO
) -> Known:
    return Known(visited_at, newest_on or {}, starts_at)


def local(day: date, hour: int, minute: int = 0) -> datetime:
    return calendar.at(day, time(hour, minute))


def visits(
    planned: Schedule, published: dict[date, datetime], start: datetime, end: datetime
) -> Iterator[tuple[datetime, date | None]]:
    """Play a service that visits mars when it is due; yield each visit and the newest day it found."""
    known, now = known_of({}, starts_at=start), start
    while now < end:
        now = max(now, planned.due(known, now)["mars"])
        newest = max((day for day, at in published.items() if at <= now), default=None)
        yield now, newest
        now += CRAWL
        reports = {} if newest is None else dict.fromkeys(MARS.expected, newest)
        known = known_of({"mars": now}, reports, start)


@given(
    start_on=some.dates(min_value=date(2024, 1, 1), max_value=date(2030, 12, 31)),
    minutes=some.lists(some.integers(min_value=9 * 60 + 17, max_value=14 * 60 + 59), min_size=21, max_size=21),
)
def test_every_report_is_found_soon_and_nobody_is_asked_in_vain(start_on: date, minutes: list[int]) -> None:
    days = [start_on + timedelta(days=number) for number in range(21)]
    published = {
        day: local(day, *divmod(minute, 60))
        for day, minute in zip(days, minutes, strict=True)
        if calendar.is_market_day(day)
    }
    start = local(start_on, 0, 5)
    seen = list(visits(schedule(MARS), published, start, start + timedelta(days=20)))
    for day, at in published.items():
        if day >= days[-1]:
            continue
        found_at = next(moment for moment, newest in seen if newest is not None and newest >= day)
        patience = timedelta(seconds=AWAIT_S if at >= local(day, 12) else QUIET_S)
        assert at <= found_at <= at + patience + CRAWL
    for moment, _ in seen[1:]:
        day = calendar.market_date(moment)
        assert calendar.is_market_day(day)
        assert moment >= local(day, 9)
    per_day = [calendar.market_date(moment) for moment, _ in seen]
    assert max(per_day.count(day) for day in per_day) <= 3 + 4 + 3 * 3600 / AWAIT_S
    for day in list(published)[:-1]:
        assert any(moment >= local(day, 18) for moment, _ in seen if calendar.market_date(moment) == day)
    for (earlier, _), (later, _) in pairwise(seen):
        assert later - earlier >= CRAWL


def test_a_report_that_stays_away_is_looked_for_until_midnight_and_on_the_next_market_day() -> None:
    friday = date(2026, 1, 16)  # the Monday after is a holiday
    seen = [moment for moment, _ in visits(schedule(MARS), {}, local(friday, 0, 5), local(date(2026, 1, 20), 9, 30))]
    times = [moment.astimezone(calendar.MARKET_ZONE) for moment in seen]
    assert [f"{moment:%d %H:%M}" for moment in times[:6]] == [
        "16 00:05", "16 09:00", "16 10:00", "16 11:01", "16 12:00", "16 12:10"
    ]  # fmt: skip
    assert [f"{moment:%d %H:%M}" for moment in times[-3:]] == ["16 23:06", "20 09:00", "20 10:00"]


@pytest.mark.parametrize("day", [date(2026, 3, 9), date(2026, 3, 6), date(2026, 11, 2), date(2026, 10, 30)])
def test_the_first_visit_is_at_nine_by_the_markets_clock_also_after_it_was_changed(day: date) -> None:
    before = calendar.market_day_before(day)
    start = local(before, 20)
    planned = schedule(MARS)
    in_ = known_of({"mars": start + CRAWL}, dict.fromkeys(MARS.expected, before))
    assert planned.due(in_, start + CRAWL)["mars"] == local(day, 9)


def test_a_day_whose_reports_are_in_is_looked_at_once_more_for_corrections() -> None:
    friday = date(2026, 1, 16)  # the Monday after is a holiday
    planned, reports = schedule(MARS), dict.fromkeys(MARS.expected, friday)
    noon, evening = local(friday, 12, 40), local(friday, 18)
    assert planned.due(known_of({"mars": noon}, reports), noon)["mars"] == evening
    late = evening + timedelta(hours=3)  # it has not come to it, or the source failed
    assert planned.due(known_of({"mars": noon}, reports), late)["mars"] == evening
    assert planned.due(known_of({"mars": evening}, reports), late)["mars"] == local(date(2026, 1, 20), 9)
    tomorrow = local(friday + timedelta(days=1), 0, 10)
    assert planned.due(known_of({"mars": noon}, reports), tomorrow)["mars"] == local(date(2026, 1, 20), 9)


def test_a_visit_in_the_evening_that_finds_the_last_report_is_that_look_too() -> None:
    day = date(2026, 1, 8)
    found_at = local(day, 19, 5)
    known = known_of({"mars": found_at}, dict.fromkeys(MARS.expected, day))
    assert schedule(MARS).due(known, found_at)["mars"] == local(date(2026, 1, 9), 9)


def test_one_report_of_two_is_not_enough() -> None:
    day = date(2026, 1, 8)
    planned, now = schedule(MARS), local(day, 13)
    half = known_of({"mars": now}, {"2306": day, "2307": date(2026, 1, 7)})
    assert planned.awaited(half, now) == ("2307",)
    assert planned.due(half, now)["mars"] == now + timedelta(seconds=AWAIT_S)


def test_a_source_of_which_nothing_is_awaited_is_visited_by_the_plain_interval() -> None:
    now = local(date(2026, 1, 10), 3)  # a Saturday
    planned = schedule(MARS, INDEX)
    due = planned.due(known_of({"index": now, "mars": now}, {}), now)
    assert due["index"] == now + timedelta(seconds=EVERY_S)
    assert due["mars"] == local(date(2026, 1, 12), 9)


def test_every_source_is_visited_once_after_the_start_whatever_the_calendar_says() -> None:
    start = local(date(2026, 1, 10), 3)
    planned = schedule(MARS, INDEX)
    reports = dict.fromkeys(MARS.expected, date(2026, 1, 9))
    known = known_of({"mars": start - timedelta(hours=1)}, reports, start)
    assert planned.due(known, start) == {"mars": start, "index": start}


def test_with_the_date_frozen_the_calendar_stands_still_and_the_plain_interval_counts() -> None:
    frozen, now = date(2026, 1, 8), datetime(2026, 11, 29, 20, 0, tzinfo=UTC)  # a Sunday
    planned = schedule(MARS, today=frozen)
    assert planned.due(known_of({}, starts_at=now), now)["mars"] == now
    assert planned.due(known_of({"mars": now}, {}), now)["mars"] == now + timedelta(seconds=EVERY_S)
    assert (planned.today(now), planned.expected_on(now)) == (frozen, frozen)
    assert planned.awaited(known_of({}, {}), now) == MARS.expected
    assert planned.days_late(frozen, now) == 0
    assert schedule(MARS, today=date(2026, 1, 19)).expected_on(now) == date(2026, 1, 16)


def test_lateness_is_counted_in_market_days() -> None:
    planned = schedule(MARS)
    tuesday_evening = local(date(2026, 1, 20), 18)
    assert planned.days_late(date(2026, 1, 20), tuesday_evening) == 0
    assert planned.days_late(date(2026, 1, 15), tuesday_evening) == 2  # Friday and Tuesday: Monday was a holiday
    assert planned.days_late(date(2026, 1, 15), local(date(2026, 1, 20), 10)) == 1  # today's may still come
    assert planned.days_late(date(2026, 1, 21), tuesday_evening) == 0
    assert planned.days_late(None, tuesday_evening) == LATE_DAYS

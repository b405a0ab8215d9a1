import argparse
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some
from usda_ingest.crawling.backfill import command_to_go_on, months, plan_backfill
from usda_ingest.crawling.plan import Plan, PlanError, add_plan_arguments, plan_of
from usda_ingest.crawling.resuming import settled_at
from usda_ingest.errors import UnknownSource
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.window import Window

DAYS = some.dates(min_value=date(1992, 1, 1), max_value=date(2040, 12, 31))
WINDOWS = some.builds(
    lambda day, length: Window(day, day + timedelta(days=length)), DAYS, some.integers(min_value=0, max_value=2_000)
)
NAMES = some.lists(some.sampled_from(["index", "portal", "mars"]), unique=True).map(tuple)
ENVIRONMENT = {
    "MERCADITO_ENV": "test",
    "DATABASE_URL": "postgresql://usda@127.0.0.1:5432/usda",
    "DATABASE_PASSWORD": "x",
    "USDA_RAW_DIR": "/tmp/raw",
    "USDA_TODAY": "2099-01-08",
}
INDEX = {"USDA_INDEX_URL": "http://index.test/"}
MARS = {"USDA_MARS_URL": "http://mars.test", "USDA_MARS_KEY": "k" * 30}
JANUARY = Window(date(2026, 1, 1), date(2026, 1, 31))


def read(*arguments: str) -> Plan:
    parser = argparse.ArgumentParser()
    add_plan_arguments(parser, days_required=False)
    return plan_of(parser.parse_args(arguments))


@given(sources=NAMES, window=some.none() | WINDOWS, again=some.booleans())
def test_a_plan_comes_through_the_command_line_unchanged(
    sources: tuple[str, ...], window: Window | None, *, again: bool
) -> None:
    plan = Plan(sources, window, again)
    assert read(*plan.arguments()) == plan


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--from", "2026-01-01"], "--from and --to belong together"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "is before the first"),
        (["--from", "0001-01-01", "--to", "2026-01-01"], "days must be from 1990-01-01 to 2199-12-31"),
        (["--from", "2026-01-01", "--to", "9999-12-31"], "days must be from 1990-01-01 to 2199-12-31"),
    ],
)
def test_half_a_window_and_one_that_cannot_be_are_refused(arguments: list[str], problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        read(*arguments)


@pytest.mark.parametrize("day", ["yesterday", "01/08/2026", "2026-02-30", ""])
def test_what_is_no_day_is_refused_with_the_way_to_write_it(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        read("--from", day, "--to", "2026-01-08")
    assert ending.value.code == 2
    assert "write it as YYYY-MM-DD" in capsys.readouterr().err


@given(WINDOWS)
def test_months_are_the_whole_window_newest_first_and_none_is_longer_than_31_days(window: Window) -> None:
    pieces = list(months(window))
    assert (pieces[0].last_on, pieces[-1].first_on) == (window.last_on, window.first_on)
    for newer, older in pairwise(pieces):
        assert older.last_on + timedelta(days=1) == newer.first_on
    assert all(piece.days <= 31 for piece in pieces)
    assert sum(piece.days for piece in pieces) == window.days


@given(WINDOWS, some.integers(min_value=1, max_value=400))
def test_an_earlier_first_day_leaves_the_later_months_as_they_were(window: Window, more: int) -> None:
    longer = Window(window.first_on - timedelta(days=more), window.last_on)
    assert list(months(longer))[: len(list(months(window))) - 1] == list(months(window))[:-1]


def test_a_backfill_asks_whoever_can_be_asked_for_days_and_for_none_to_come() -> None:
    both = CrawlSettings.from_env({**ENVIRONMENT, **INDEX, **MARS})
    window = Window(date(2026, 1, 1), date(2099, 12, 31))
    assert plan_backfill(both, Plan((), window)) == Plan(("mars",), Window(date(2026, 1, 1), date(2099, 1, 8)))
    with pytest.raises(PlanError, match="cannot be asked for days: index"):
        plan_backfill(both, Plan(("index", "mars"), window))
    with pytest.raises(PlanError, match="after today"):
        plan_backfill(both, Plan((), Window(date(2099, 1, 9), date(2099, 12, 31))))
    with pytest.raises(UnknownSource, match="no such source: portal; configured: index, mars"):
        plan_backfill(both, Plan(("portal",), window))
    with pytest.raises(PlanError, match="USDA_PORTAL_URL or USDA_MARS_URL"):
        plan_backfill(CrawlSettings.from_env({**ENVIRONMENT, **INDEX}), Plan((), window))


def test_the_command_to_go_on_is_the_same_plan_with_what_is_left() -> None:
    command = command_to_go_on(Plan(("mars",), JANUARY, again=True), Window(date(2026, 1, 1), date(2026, 1, 15)))
    assert command == "usda-ingest backfill --sources mars --from 2026-01-01 --to 2026-01-15 --again"


def test_a_window_settles_when_the_daily_visit_no_longer_covers_it() -> None:
    assert settled_at(JANUARY) == datetime(2026, 2, 8, tzinfo=UTC)

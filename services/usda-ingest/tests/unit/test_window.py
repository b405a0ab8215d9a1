from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usda_ingest.sources.visit import Visit
from usda_ingest.sources.window import Window

_days = st.dates(date(1998, 1, 1), date(2030, 1, 1))
windows = st.tuples(_days, _days).map(lambda days: Window(min(days), max(days)))


def test_it_has_both_its_ends() -> None:
    week = Window.last(7, date(2026, 1, 8))
    assert (str(week), week.days) == ("2026-01-02..2026-01-08", 7)
    assert Visit.daily(date(2026, 1, 8)).window == week


def test_it_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="the last day 2026-01-01 is before the first 2026-01-02"):
        Window(date(2026, 1, 2), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("first_on", "last_on"), [(date(1, 1, 1), date(2026, 1, 1)), (date(2026, 1, 1), date(9999, 12, 31))]
)
def test_it_ends_where_no_calendar_goes_on(first_on: date, last_on: date) -> None:
    with pytest.raises(ValueError, match="days must be from 1990-01-01 to 2199-12-31"):
        Window(first_on, last_on)


def test_a_day_has_no_halves() -> None:
    assert Window(date(2026, 1, 2), date(2026, 1, 2)).halves() is None


@given(windows, st.integers(20, 20_000))
def test_pieces_are_the_whole_without_gap_or_overlap(window: Window, days: int) -> None:
    pieces = list(window.pieces(days))
    assert (pieces[0].first_on, pieces[-1].last_on) == (window.first_on, window.last_on)
    assert all(piece.days <= days for piece in pieces)
    assert sum(piece.days for piece in pieces) == window.days
    assert all((after.first_on - before.last_on).days == 1 for before, after in pairwise(pieces))


@given(windows)
def test_halves_are_the_whole_and_nearly_equal(window: Window) -> None:
    halves = window.halves()
    if halves is None:
        assert window.days == 1
        return
    first, second = halves
    assert (first.first_on, second.last_on) == (window.first_on, window.last_on)
    assert (second.first_on - first.last_on).days == 1
    assert 0 <= second.days - first.days <= 1

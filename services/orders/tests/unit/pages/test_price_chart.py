"""The chart of a series: everything inside its frame, lines at round dollars, weekends without gaps."""

import re
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orders.application.trends import Band, Day, Forecast, History
from orders.entrypoints.pages.price_chart import HEIGHT, LEFT, WIDTH, chart_of

FRIDAY = date(2026, 1, 9)
prices = st.decimals("0.01", "1000000", places=2)
days = st.lists(st.tuples(st.integers(0, 40), prices, prices, st.booleans()), min_size=1, unique_by=lambda day: day[0])
bands = st.lists(st.tuples(st.integers(1, 14), prices, prices), unique_by=lambda band: band[0])


def history(quoted: list[tuple[int, Decimal, Decimal, bool]], expected: list[tuple[int, Decimal, Decimal]]) -> History:
    found = tuple(
        Day(FRIDAY + timedelta(days=n), min(a, b) if ranged else None, max(a, b) if ranged else None, a)
        for n, a, b, ranged in sorted(quoted)
    )
    points = tuple(Band(found[-1].on + timedelta(days=n), a, min(a, b), max(a, b)) for n, a, b in sorted(expected))
    return History(found, Forecast("s", found[-1].on, None, "m", points, None))


@given(days, bands)
def test_nothing_is_drawn_outside_the_frame(
    quoted: list[tuple[int, Decimal, Decimal, bool]], expected: list[tuple[int, Decimal, Decimal]]
) -> None:
    chart = chart_of(history(quoted, expected))
    assert chart is not None
    drawn = f"{chart.band} {chart.line} {chart.fan} {chart.expected}"
    for x, y in re.findall(r"([\d.-]+),([\d.-]+)", drawn):
        assert LEFT <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
    assert 2 <= len(chart.prices) <= 7


def test_a_weekend_takes_no_room_and_lines_are_at_round_dollars() -> None:
    ten = Decimal(10)
    chart = chart_of(history([(0, ten, ten, True), (3, ten + 2, ten, True), (4, ten + 4, ten, True)], []))
    assert chart is not None
    friday, monday, tuesday = (float(point.split(",")[0]) for point in chart.line.split())
    assert monday - friday == tuesday - monday
    assert [mark.value for mark in chart.prices] == [10, 12, 14]


def test_without_a_quote_there_is_no_chart() -> None:
    assert chart_of(History((), None)) is None

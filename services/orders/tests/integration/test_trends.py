"""How a series has moved: kept from the USDA's events, compared over a market week."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from orders.adapters.trends import SqlTrends
from orders.application.incoming import read_forecasts
from orders.application.ports import Quote, Transactions
from orders.application.trends import HISTORY_DAYS, Band, Forecast, Trend
from orders.entrypoints.pages.price_chart import chart_of

TODAY = date(2026, 1, 9)
FORECAST_EXAMPLE = Path(__file__).resolve().parents[4] / "events" / "examples" / "usda.forecast.updated.v1.json"
SERIES = str(uuid4())
QUOTE = Quote(
    series_id=SERIES,
    market="Los Angeles",
    report_id="HC_FV020",
    commodity="Mangoes",
    variety="",
    package="cartons",
    size="9s",
    organic=False,
    quoted_on=TODAY,
    low=Decimal(10),
    high=Decimal(14),
    mostly_low=None,
    mostly_high=None,
    reference=Decimal(12),
)


def record(transactions: Transactions, prices: dict[int, str]) -> None:
    quotes = [
        replace(QUOTE, quoted_on=TODAY - timedelta(days=days), reference=Decimal(price))
        for days, price in prices.items()
    ]
    transactions.run(lambda work: work.market.record(quotes))


def trend(engine: Engine) -> Trend | None:
    return SqlTrends(engine, ZoneInfo("America/Los_Angeles"), TODAY).of([SERIES, str(uuid4())]).get(SERIES)


def test_a_series_is_compared_with_a_market_week_before(world: Any, transactions: Any, engine: Engine) -> None:
    record(transactions, {0: "12", 1: "13", 4: "9", 7: "10", 8: "50"})
    found = trend(engine)
    assert found is not None
    assert found.change_pct_week == Decimal("20.0")
    assert [value for _, value in found.points] == [50, 10, 9, 13, 12]
    assert found.band is None


def test_a_corrected_day_replaces_what_was_known_of_it(world: Any, transactions: Any, engine: Engine) -> None:
    record(transactions, {0: "12", 7: "10"})
    record(transactions, {7: "8"})
    found = trend(engine)
    assert found is not None
    assert found.change_pct_week == Decimal("50.0")
    assert world.value("SELECT reference FROM series_quotes") == 12


def test_one_point_is_no_trend_and_older_ones_are_left_out(world: Any, transactions: Any, engine: Engine) -> None:
    record(transactions, {HISTORY_DAYS: "9"})
    assert trend(engine) is None
    record(transactions, {0: "12"})
    found = trend(engine)
    assert found is not None
    assert (len(found.points), found.change_pct_week) == (1, None)


def test_the_band_is_that_of_the_first_day_after_the_forecast(world: Any, transactions: Any, engine: Engine) -> None:
    points = (
        '[{"date": "2026-01-09", "value": "1.00", "low": "1.00", "high": "1.00"},'
        ' {"date": "2026-01-12", "value": "3.00", "low": "2.00", "high": "4.00"},'
        ' {"date": "2026-01-10", "value": "12.10", "low": "11.00", "high": "13.00"}]'
    )
    world.run(
        "INSERT INTO series_forecasts (series_id, as_of, method, points)"
        " VALUES (:id, '2026-01-09', 'theil-sen', CAST(:points AS jsonb))",
        id=SERIES,
        points=points,
    )
    found = trend(engine)
    assert found is not None
    assert found.band is not None
    assert (found.band.on, found.band.low, found.band.high) == (date(2026, 1, 10), Decimal("11.00"), Decimal("13.00"))


def expect(transactions: Transactions, as_of: int, value: str, *, days: tuple[int, ...] = (1,)) -> None:
    on = TODAY + timedelta(days=as_of)
    points = tuple(Band(on + timedelta(days=n), Decimal(value), Decimal(value) - 1, Decimal(value) + 1) for n in days)
    told = Forecast(SERIES, on, Decimal("-1.5"), "theil-sen", points, None)
    transactions.run(lambda work: work.market.record_forecasts([told]))


def test_an_older_forecast_never_replaces_a_newer_one_and_the_same_days_is_corrected(
    world: Any, transactions: Any, engine: Engine
) -> None:
    for as_of, value in ((0, "12"), (-1, "99"), (0, "13")):
        expect(transactions, as_of, value)
    found = trend(engine)
    assert found is not None
    assert found.band == Band(TODAY + timedelta(days=1), Decimal(13), Decimal(12), Decimal(14))
    assert world.value("SELECT trend_pct_week FROM series_forecasts") == Decimal("-1.5")


def test_what_was_expected_of_days_that_are_over_is_not_shown(world: Any, transactions: Any, engine: Engine) -> None:
    expect(transactions, -3, "12", days=(1, 2, 3, 4))
    found = trend(engine)
    assert found is not None
    assert found.band is not None
    assert found.band.on == TODAY
    expect(transactions, -2, "12")
    assert trend(engine).band is None  # type: ignore[union-attr]


def test_a_history_has_the_month_and_what_is_expected(world: Any, transactions: Any, engine: Engine) -> None:
    record(transactions, {0: "12", 7: "10", HISTORY_DAYS: "9"})
    expect(transactions, 0, "13", days=(1, 2))
    history = SqlTrends(engine, ZoneInfo("America/Los_Angeles"), TODAY).history(SERIES)
    assert [(day.reference, day.low, day.high) for day in history.days] == [(10, 10, 14), (12, 10, 14)]
    assert history.forecast is not None
    assert [band.on.day for band in history.forecast.points] == [10, 11]
    empty = SqlTrends(engine, ZoneInfo("America/Los_Angeles"), TODAY).history(str(uuid4()))
    assert (empty.days, empty.forecast) == ((), None)


def test_of_a_day_that_one_event_tells_twice_the_later_word_counts(
    world: Any, transactions: Any, engine: Engine
) -> None:
    twice = [replace(QUOTE, reference=Decimal(price)) for price in (11, 13, 12)]
    transactions.run(lambda work: work.market.record(twice))
    assert world.value("SELECT reference FROM series_days") == 12


def test_a_real_forecast_is_drawn_from_its_day_on_and_goes_when_it_ends(
    world: Any, transactions: Any, engine: Engine
) -> None:
    """The publisher's example is what its model said: drawn as a fan, then gone with the event that has no points."""
    body = json.loads(FORECAST_EXAMPLE.read_text())["body"]
    told = {**body["series"][0], "series_id": SERIES}
    ended = {**body["series"][1], "series_id": SERIES, "as_of": told["as_of"]}
    monday = date(2026, 1, 12)
    record(transactions, {2: "25.50", 3: "25"})
    transactions.run(lambda work: work.market.record_forecasts(read_forecasts({"series": [told]})))
    trends = SqlTrends(engine, ZoneInfo("America/Los_Angeles"), monday)
    history = trends.history(SERIES)
    assert history.forecast is not None
    assert (history.forecast.as_of, history.forecast.method) == (date(2026, 1, 7), "naive")
    assert [band.on for band in history.forecast.points][:1] == [monday]
    assert len(history.forecast.points) == 8
    chart = chart_of(history)
    assert chart is not None
    assert chart.fan
    assert chart.expected
    assert trends.of([SERIES])[SERIES].band == history.forecast.points[0]
    transactions.run(lambda work: work.market.record_forecasts(read_forecasts({"series": [ended]})))
    chart = chart_of(trends.history(SERIES))
    assert chart is not None
    assert not chart.fan
    assert trends.of([SERIES])[SERIES].band is None

"""Whatever the prices are: forecasts are finite, ordered, positive, and scale with the prices."""

import json
import uuid
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from usda_ingest.forecasting.grid import History
from usda_ingest.forecasting.market import outcomes
from usda_ingest.forecasting.market_days import day, number
from usda_ingest.forecasting.outcome import Outcome

TODAY = date(2024, 3, 29)
LAST = number(TODAY)
CENTS = st.decimals("0.0001", "9999", places=4, allow_nan=False)
CALM = st.integers(1, 400).map(lambda quarters: Decimal(quarters) / 4)
PRICES = st.lists(CENTS, min_size=1, max_size=70) | st.lists(CALM, min_size=1, max_size=70)
MARKETS = st.lists(PRICES, min_size=1, max_size=4)
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def forecast(markets: Sequence[Sequence[Decimal]], scale: int = 1) -> list[Outcome]:
    histories = [
        History(
            uuid.UUID(int=place),
            f"commodity {place % 2}",
            [day(LAST - back).toordinal() for back in reversed(range(len(prices)))],
            [float(price * scale) for price in prices],
        )
        for place, prices in enumerate(markets)
    ]
    return list(outcomes(histories, [history.series_id for history in histories], TODAY))


def points(outcome: Outcome) -> list[dict[str, Any]]:
    return [*(outcome.trend or {"points": []})["points"], *(outcome.forecast or {"points": []})["points"]]


@MANY
@given(MARKETS)
def test_every_point_is_finite_positive_and_within_its_band(prices: list[list[Decimal]]) -> None:
    for outcome, given_prices in zip(forecast(prices), prices, strict=True):
        assert (outcome.status == "ok") == (len(given_prices) >= 15) == (outcome.forecast is not None)
        json.dumps([outcome.trend, outcome.forecast], allow_nan=False)
        for point in points(outcome):
            low, value, high = (Decimal(point[name]) for name in ("low", "value", "high"))
            assert 0 < low <= value <= high < 1_000_000
            assert all(2 <= len(point[name].partition(".")[2]) <= 4 for name in ("low", "value", "high"))
        if outcome.forecast:
            days = [point["date"] for point in outcome.forecast["points"]]
            assert days == [day(LAST + ahead).isoformat() for ahead in range(1, 11)]
            assert all(Decimal(point["low"]) < Decimal(point["high"]) for point in outcome.forecast["points"])
            widths = [float(point["high"]) / float(point["low"]) for point in outcome.forecast["points"]]
            assert all(later >= sooner * 0.999 for sooner, later in pairwise(widths))


@MANY
@given(MARKETS)
def test_ten_times_the_prices_give_ten_times_the_forecast(prices: list[list[Decimal]]) -> None:
    for one, ten in zip(forecast(prices), forecast(prices, 10), strict=True):
        for small, large in zip(points(one), points(ten), strict=True):
            for name in ("low", "value", "high"):
                assert float(large[name]) == pytest.approx(10 * float(small[name]), rel=1e-3, abs=0.11)


@pytest.mark.parametrize(("age", "status"), [(0, "ok"), (7, "ok"), (8, "stale")])
def test_a_forecast_needs_a_fresh_quote(age: int, status: str) -> None:
    history = History(
        uuid.UUID(int=1), "c", [day(LAST - age - back).toordinal() for back in reversed(range(20))], [10.0] * 20
    )
    (outcome,) = outcomes([history], [history.series_id], TODAY)
    assert outcome.status == status
    assert (outcome.forecast is not None) == (status == "ok")
    assert outcome.trend is not None


def test_a_price_that_never_moved_has_the_band_of_a_step() -> None:
    (outcome,) = forecast([[Decimal("20.00")] * 40])
    assert outcome.forecast
    assert {(p["low"], p["value"], p["high"]) for p in outcome.forecast["points"]} == {("19.60", "20.00", "20.40")}
    assert [test["coverage"] for test in outcome.forecast["backtest"]] == [1.0, 1.0, 1.0]


def test_a_series_whose_quotes_were_all_withdrawn_has_nothing() -> None:
    gone = uuid.uuid4()
    (outcome,) = outcomes([], [gone], TODAY)
    assert outcome == Outcome(gone, None, 0, "too few quotes", None, None)


def test_weekly_quotes_get_a_band_on_every_day() -> None:
    ordinals = [day(LAST - 5 * back).toordinal() for back in reversed(range(40))]
    history = History(uuid.uuid4(), "c", ordinals, [10.0 + 3 * (at % 3) for at in range(40)])
    (outcome,) = outcomes([history], [history.series_id], TODAY)
    assert outcome.forecast
    assert len(outcome.forecast["points"]) == 10
    assert outcome.forecast["backtest"][0]["origins"] == 0
    assert outcome.forecast["backtest"][0]["mape_pct"] is None
    widths = [float(point["high"]) / float(point["low"]) for point in outcome.forecast["points"]]
    assert widths[:4] == pytest.approx([widths[4]] * 4, rel=0.01)  # until a week has passed, that of a week
    assert widths[0] > 1.5

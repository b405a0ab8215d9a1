"""What is stored and told of a series."""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

import numpy as np

from usda_ingest.forecasting import market_days, trend
from usda_ingest.forecasting.grid import Floats, History, numbers
from usda_ingest.forecasting.model import BAND, MIN_QUOTES

# Orders takes no price above a million dollars, and nobody asks it.
_MAX_LOG_PRICE = float(np.log(999_999.0))
_MIN_LOG_PRICE = float(np.log(0.0001))
_MAX_LOG_WEEK = 6.0
_PLACES = Decimal("0.01")
_SMALL_PLACES = Decimal("0.0001")
_SMALL = Decimal(1)
_LINE = "line"


@dataclass(frozen=True, slots=True)
class Backtest:
    """How forecasts of past origins came out on one horizon, as the API answers it; None: not one could be judged."""

    days: int
    origins: int
    mape_pct: float | None
    naive_mape_pct: float | None
    coverage: float | None
    width_ratio: float | None
    unchanged: float | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Logarithms of the prices that a method expects of the days after the newest quote, and half the band's width."""

    method: str
    value: Floats
    half_width: Floats
    backtest: tuple[Backtest, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row to be of a series; `trend` and `forecast` as the API answers them."""

    series_id: UUID
    last_on: date | None
    quotes: int
    status: str
    trend: dict[str, Any] | None
    forecast: dict[str, Any] | None


def trend_of(history: History) -> dict[str, Any] | None:
    """Return the line through the last quotes, or None if they are too few."""
    if len(history.ordinals) < MIN_QUOTES:
        return None
    ordinals = history.ordinals[-trend.MAX_QUOTES :]
    days = numbers(ordinals)
    line = trend.line(days, np.log(np.asarray(history.prices[-trend.MAX_QUOTES :])))
    week = (line.week, line.week - line.week_half_width, line.week + line.week_half_width)
    pct, low, high = (round(float(np.expm1(np.clip(rate, -_MAX_LOG_WEEK, _MAX_LOG_WEEK))) * 100, 2) for rate in week)
    return {
        "method": _LINE,
        "quotes": len(ordinals),
        "band": trend.BAND,
        "pct_week": pct,
        "pct_week_low": low,
        "pct_week_high": high,
        "points": [
            _point(date.fromordinal(int(on)), value, half)
            for on, value, half in zip(ordinals, line.value, line.half_width, strict=True)
        ],
    }


def forecast_of(history: History, expected: Expectation) -> dict[str, Any]:
    """Return the forecast from the newest quote on."""
    last_on = date.fromordinal(int(history.ordinals[-1]))
    last = market_days.number(last_on)
    return {
        "as_of": last_on.isoformat(),
        "method": expected.method,
        "quotes": len(history.ordinals),
        "band": BAND,
        "points": [
            _point(market_days.day(last + ahead), value, half)
            for ahead, (value, half) in enumerate(zip(expected.value, expected.half_width, strict=True), start=1)
        ],
        "backtest": [asdict(test) for test in expected.backtest],
    }


def _point(on: date, value: float, half_width: float) -> dict[str, str]:
    return {
        "date": on.isoformat(),
        "value": _text(value, ROUND_HALF_EVEN),
        "low": _text(value - half_width, ROUND_FLOOR),
        "high": _text(value + half_width, ROUND_CEILING),
    }


def _text(logarithm: float, rounding: str) -> str:
    """Return a price with two decimals, four below a dollar; the band is rounded outwards."""
    price = Decimal(float(np.exp(np.clip(logarithm, _MIN_LOG_PRICE, _MAX_LOG_PRICE))))
    # One part in a billion is the arithmetic's, not the price's.
    price = price.quantize(Decimal("0.00000001"), ROUND_HALF_EVEN)
    places = _SMALL_PLACES if price < _SMALL else _PLACES
    return f"{max(price.quantize(places, rounding), _SMALL_PLACES):f}"

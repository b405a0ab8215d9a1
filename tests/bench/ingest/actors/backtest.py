"""What forecasts of a market's past would have been worth: python -m tests.bench.ingest.actors.backtest MARKET TODAY.

It judges the errors and bands that the model left of each origin by its own arithmetic, so that the model does not
grade itself: shares and means over all origins of all series, none left out.
"""

import json
import os
import sys
from typing import Any

import numpy as np  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.service.database import create_engine  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.service.logs import configure  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.forecasting.choice import first_evaluated  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.forecasting.computing import market_histories  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.forecasting.market import Past, compete  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.forecasting.methods import Methods  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.forecasting.model import BAND, MIN_QUOTES, REPORTED_DAYS  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.settings import forecast_settings  # type: ignore[import-not-found, unused-ignore]

_SAME = 1e-6
_LINE_QUOTES = MIN_QUOTES


def main() -> None:
    """Judge every origin with at least fifteen quotes behind it and a quote at its target."""
    configure("usda", "bench", "warning")
    settings, today = forecast_settings({**os.environ, "USDA_TODAY": sys.argv[2]})
    with create_engine(settings, pool_size=1, application_name="usda-bench").connect() as connection:
        past = compete(market_histories(connection, sys.argv[1], [], today))
    horizons = [_horizon(past, days) for days in REPORTED_DAYS]
    print(json.dumps({"series": len(past.errors), "horizons": horizons, "methods": _methods(past)}))


def _mape(errors: Any) -> float:
    return float(np.abs(np.expm1(-errors.astype(float))).mean() * 100)


def _horizon(past: Past, days: int) -> dict[str, float]:
    errors, naive = past.errors[..., days - 1], past.naive_errors[..., days - 1]
    judged = ~np.isnan(errors) & past.is_public
    widths = past.widths[..., days - 1]
    ours, of_series = [], []
    for row in range(len(errors)):
        origins = judged[row]
        if origins.any():
            own = np.quantile(np.abs(naive[row, origins]), BAND)  # naive's own band, known only in hindsight
            of_series.append(np.sinh(np.maximum(own, past.step[row, origins])))
            ours.append(np.sinh(widths[row, origins]))
    at_large = np.quantile(np.abs(naive[judged]), BAND)
    width = float(np.concatenate(ours).mean())
    return {
        "days": days,
        "series": len(ours),
        "origins": int(judged.sum()),
        "mape": _mape(errors[judged]),
        "naive_mape": _mape(naive[judged]),
        "held": float((np.abs(errors[judged]) <= widths[judged] + _SAME * 10).mean()),
        "unchanged": float((np.abs(naive[judged]) < _SAME).mean()),
        "width": width,
        "width_ratio": width / float(np.concatenate(of_series).mean()),
        "width_ratio_at_large": width / float(np.sinh(np.maximum(at_large, past.step[judged])).mean()),
    }


def _methods(past: Past) -> dict[str, Any]:
    """Return each method's error in per cent if every series had it, on the origins of which every method can speak."""
    errors: dict[str, list[list[Any]]] = {}
    counts = [0 for _ in REPORTED_DAYS]
    for grid in past.grids:
        since = first_evaluated(grid)
        for place, days in enumerate(REPORTED_DAYS):
            actual = grid.change_after(days)[:, since:]
            found = {name: actual - method(days)[:, since:] for name, method in _candidates(past, grid).items()}
            judged = (grid.counts[:, since:] >= MIN_QUOTES) & ~np.isnan(np.stack(list(found.values()))).any(axis=0)
            counts[place] += int(judged.sum())
            for name, error in found.items():
                errors.setdefault(name, [[] for _ in REPORTED_DAYS])[place].append(error[judged])
    mapes = {name: [_mape(np.concatenate(parts)) for parts in by_days] for name, by_days in errors.items()}
    return {"origins": counts, "mape": mapes}


def _candidates(past: Past, grid: Any) -> dict[str, Any]:
    """Return the methods but the seasonal one, for which a summer is too short, and the line that is none of them."""
    candidates = {name: way for name, way in Methods(grid, past.weights).candidates.items() if name != "seasonal"}
    return {**candidates, "line of 15 quotes": lambda days: _line(grid, days)}


def _line(grid: Any, days: int) -> Any:
    """Return the change that a straight line through the last quotes says: what the model is not."""
    said = np.full_like(grid.last, np.nan)
    for row in range(len(grid.last)):
        quoted = np.nonzero(grid.is_quoted[row])[0]
        for last in range(_LINE_QUOTES - 1, len(quoted)):
            at = quoted[last - _LINE_QUOTES + 1 : last + 1]
            slope, level = np.polyfit(at - at[-1], grid.last[row, at], 1)
            said[row, at[-1]] = level + slope * days - grid.last[row, at[-1]]
    return said


main()

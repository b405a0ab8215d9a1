"""What the others hear of trends and forecasts: ``usda.forecast.updated.v1``."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mercadito_events.envelope import Event, new_event

from usda_ingest.announcing.announcements import SOURCE

TYPE = "usda.forecast.updated.v1"
MAX_SERIES = 500
# Below the kit's MAX_BODY_BYTES by more than the fields around the series can take.
MAX_SERIES_BYTES = 240_000
NO_METHOD = "none"


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says of a row of ``forecasts``; without a forecast its points are empty."""
    forecast = row["forecast"]
    return {
        "series_id": str(row["series_id"]),
        "as_of": row["as_of"].isoformat(),
        "trend_pct_week": row["trend"]["pct_week"] if forecast and row["trend"] else None,
        "method": forecast["method"] if forecast else NO_METHOD,
        "points": forecast["points"] if forecast else [],
        "coverage": _coverage(forecast["backtest"]) if forecast else None,
    }


def forecasts_updated(series: Iterable[dict[str, Any]]) -> Iterator[Event]:
    """Yield events of at most 500 series each, split so that every body stays small."""
    batch: list[dict[str, Any]] = []
    size = 0
    for item in series:
        length = len(json.dumps(item, ensure_ascii=False).encode()) + 1
        if batch and (len(batch) == MAX_SERIES or size + length > MAX_SERIES_BYTES):
            yield _event(batch)
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield _event(batch)


def _event(batch: list[dict[str, Any]]) -> Event:
    return new_event(TYPE, {"series": batch}, source=SOURCE)


def _coverage(backtest: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the share of past quotes that the bands held, over all horizons that are told."""
    judged = [test for test in backtest if test["coverage"] is not None]
    origins = sum(test["origins"] for test in judged)
    return round(sum(test["coverage"] * test["origins"] for test in judged) / origins, 3) if origins else None

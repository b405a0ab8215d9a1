"""Forecasts into the database, a batch in a transaction: rows, the marks that they answer, and the events."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, Engine, text

from usda_ingest.announcing.forecasts import forecasts_updated, told
from usda_ingest.forecasting.model import MODEL_VERSION
from usda_ingest.forecasting.outcome import Outcome

# A mark that grew meanwhile stays, and so does one that a file being stored holds: the next run takes it.
_ANSWER = text("""
    DELETE FROM forecasts_due WHERE series_id IN (
        SELECT d.series_id FROM forecasts_due d
        JOIN unnest(CAST(:series AS uuid[]), CAST(:marks AS bigint[])) AS read (series_id, mark) USING (series_id, mark)
        ORDER BY d.series_id FOR UPDATE OF d SKIP LOCKED
    ) RETURNING series_id
""")
_KNOWN = text("""
    SELECT series_id, as_of, status, trend, forecast FROM forecasts
    WHERE series_id = ANY(CAST(:series AS uuid[])) ORDER BY series_id FOR UPDATE
""")
_WRITE = text("""
    INSERT INTO forecasts (series_id, as_of, last_on, computed_at, model_version, quotes, status, trend, forecast)
    SELECT series_id, as_of, last_on, now(), :model_version, quotes, status, nullif(trend, 'null'),
           nullif(forecast, 'null')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (series_id uuid, as_of date, last_on date, quotes integer,
                                                         status text, trend jsonb, forecast jsonb)
    ORDER BY series_id
    ON CONFLICT (series_id) DO UPDATE
    SET as_of = excluded.as_of, last_on = excluded.last_on, computed_at = excluded.computed_at,
        model_version = excluded.model_version, quotes = excluded.quotes, status = excluded.status,
        trend = excluded.trend, forecast = excluded.forecast
""")


def write(engine: Engine, outcomes: Sequence[Outcome], marks: Mapping[UUID, int]) -> int:
    """Store what was computed of series whose mark is still the one that was read; return how many.

    Readers hear of what they see otherwise than before, in the same transaction.
    """
    with engine.begin() as connection:
        answered = _answer(connection, [outcome.series_id for outcome in outcomes], marks)
        computed = [outcome for outcome in outcomes if outcome.series_id in answered]
        if computed:
            _store(connection, computed)
    return len(computed)


def _answer(connection: Connection, series: Sequence[UUID], marks: Mapping[UUID, int]) -> set[UUID]:
    ordered = {"series": [str(series_id) for series_id in series], "marks": [marks[series_id] for series_id in series]}
    return set(connection.scalars(_ANSWER, ordered))


def _store(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    known = {
        row["series_id"]: dict(row)
        for row in connection.execute(_KNOWN, {"series": [str(outcome.series_id) for outcome in outcomes]}).mappings()
    }
    rows, changed = [], []
    for outcome in outcomes:
        before = known.get(outcome.series_id)
        days = ([outcome.last_on] if outcome.last_on else []) + ([before["as_of"]] if before else [])
        if not days:
            continue  # its quotes were withdrawn before any forecast knew them
        row = _row(outcome) | {"as_of": max(days)}  # never goes back: a reader takes no older word for a newer one
        rows.append(row | {"series_id": str(row["series_id"])})
        if news := _news(before, row):
            changed.append(news)
    connection.execute(_WRITE, {"rows": json.dumps(rows, default=str), "model_version": MODEL_VERSION})
    for event in forecasts_updated(changed):
        enqueue(connection, event)


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "series_id": outcome.series_id,
        "last_on": outcome.last_on,
        "quotes": outcome.quotes,
        "status": outcome.status,
        "trend": outcome.trend,
        "forecast": outcome.forecast,
    }


def _news(before: Mapping[str, Any] | None, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what readers are to hear: a forecast that differs, or that there is none any more."""
    if before is None or before["forecast"] is None:
        return told(row) if row["forecast"] is not None else None
    news = told(row)
    return news if news != told(before) else None

"""Which series have news that no forecast knows yet. A mark that changes while a forecast is computed stays."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, text

from usda_ingest.forecasting.business_days import oldest_fresh
from usda_ingest.forecasting.model import MODEL_VERSION

# Sorted, so that two writers wait for each other instead of locking each other out.
_MARK = text("""
    INSERT INTO forecasts_due (series_id)
    SELECT DISTINCT series_id FROM unnest(CAST(:series AS uuid[])) AS told (series_id) ORDER BY series_id
    ON CONFLICT (series_id) DO UPDATE SET mark = forecasts_due.mark + 1
""")
# What nobody marks: a forecast that has grown stale, and one of another model.
_MARK_OUTDATED = text("""
    INSERT INTO forecasts_due (series_id)
    SELECT series_id FROM forecasts
    WHERE (status = 'ok' AND last_on < :oldest_fresh) OR model_version <> :model_version ORDER BY series_id
    ON CONFLICT (series_id) DO NOTHING
""")


def mark(connection: Connection, series_ids: Iterable[UUID | str]) -> None:
    """Say that quotes of these series changed or were withdrawn, in the transaction that changes them."""
    wanted = [str(series_id) for series_id in series_ids]
    if wanted:
        connection.execute(_MARK, {"series": wanted})


def mark_outdated(connection: Connection, today: date) -> None:
    """Mark what became due without a new quote."""
    connection.execute(_MARK_OUTDATED, {"oldest_fresh": oldest_fresh(today), "model_version": MODEL_VERSION})

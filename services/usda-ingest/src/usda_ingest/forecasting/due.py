"""Which series have news that no forecast knows yet, and who computes.

A mark that changes while a forecast is computed stays.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from usda_ingest.errors import ForecastBusy
from usda_ingest.forecasting.market_days import oldest_fresh
from usda_ingest.forecasting.model import MODEL_VERSION
from usda_ingest.storing.single_flight import held

_LOCK = 0x75736466  # "usdf"; advisory locks are per database

# Sorted, so that two writers wait for each other instead of locking each other out.
_MARK = text("""
    INSERT INTO forecasts_due (series_id)
    SELECT DISTINCT series_id FROM unnest(CAST(:series AS uuid[])) AS told (series_id) ORDER BY series_id
    ON CONFLICT (series_id) DO UPDATE SET mark = forecasts_due.mark + 1
""")
# What nobody marks: a forecast that has grown stale, and one of an older model.
_OUTDATED = "(status = 'ok' AND last_on < :oldest_fresh) OR model_version < :model_version"
_MARK_OUTDATED = text(f"""
    INSERT INTO forecasts_due (series_id)
    SELECT series_id FROM forecasts WHERE {_OUTDATED} ORDER BY series_id
    ON CONFLICT (series_id) DO NOTHING
""")  # noqa: S608 - constants only
_IS_ANY = text(f"SELECT EXISTS (SELECT FROM forecasts_due) OR EXISTS (SELECT FROM forecasts WHERE {_OUTDATED})")  # noqa: S608 - as above


def mark(connection: Connection, series_ids: Iterable[UUID | str]) -> None:
    """Say that quotes of these series changed or were withdrawn, in the transaction that changes them."""
    wanted = [str(series_id) for series_id in series_ids]
    if wanted:
        connection.execute(_MARK, {"series": wanted})


def mark_outdated(connection: Connection, today: date) -> None:
    """Mark what became due without a new quote."""
    connection.execute(_MARK_OUTDATED, _outdated(today))


def is_any(connection: Connection, today: date) -> bool:
    """Say whether a forecast run would find work."""
    return bool(connection.scalar(_IS_ANY, _outdated(today)))


def single_flight(engine: Engine) -> AbstractContextManager[None]:
    """Hold the lock of who computes forecasts; see ``held``.

    Raises:
        ForecastBusy: another process has it.

    """
    return held(engine, _LOCK, ForecastBusy("forecasts are being computed"))


def _outdated(today: date) -> dict[str, Any]:
    return {"oldest_fresh": oldest_fresh(today), "model_version": MODEL_VERSION}

"""What the last forecast run said of a series; needs no numpy, so that the API can read it."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from usda_ingest.forecasting.market_days import oldest_fresh
from usda_ingest.forecasting.model import OK, STALE

_READ = text("SELECT status, last_on, trend, forecast FROM forecasts WHERE series_id = :series_id")
_NOTHING: dict[str, Any] = {"trend": None, "forecast": None, "no_forecast": None}


def read(connection: Connection, series_id: UUID, today: date) -> dict[str, Any]:
    """Return trend, forecast and why there is no forecast.

    Staleness is judged by `today`, because a forecast ages without anybody computing. All three None: nothing computed
    yet, because the series is new.
    """
    row = connection.execute(_READ, {"series_id": series_id}).one_or_none()
    if row is None:
        return _NOTHING
    is_stale = row.status == OK and row.last_on < oldest_fresh(today)
    reason = STALE if is_stale else None if row.status == OK else row.status
    return {"trend": row.trend, "forecast": None if reason else row.forecast, "no_forecast": reason}

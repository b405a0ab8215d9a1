"""`Trends` on PostgreSQL."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from orders.adapters.availability import lent
from orders.application.trends import HISTORY_DAYS, Band, Trend, change_pct

# A row for each series, not for each day: a page of 200 offers would otherwise spend most of its time on 4,000 rows.
_POINTS = text(
    "SELECT CAST(series_id AS text) AS series_id, array_agg(quoted_on ORDER BY quoted_on) AS days,"
    " array_agg(reference ORDER BY quoted_on) AS refs FROM series_days WHERE series_id = ANY(CAST(:ids AS uuid[]))"
    " AND quoted_on > CAST(:today AS date) - CAST(:days AS integer) GROUP BY series_id"
)
_FORECASTS = text("SELECT series_id, as_of, points FROM series_forecasts WHERE series_id = ANY(CAST(:ids AS uuid[]))")


class SqlTrends:
    """Reads history and forecasts of series."""

    def __init__(self, engine: Engine, time_zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine = engine
        self._time_zone = time_zone
        self._usda_today = usda_today

    def of(self, series_ids: Iterable[str]) -> Mapping[str, Trend]:
        """Return what is known of these series; see the port."""
        ids = sorted(set(series_ids))
        if not ids:
            return {}
        today = self._usda_today or datetime.now(self._time_zone).date()
        with lent(self._engine) as connection:
            found = connection.execute(_POINTS, {"ids": ids, "today": today, "days": HISTORY_DAYS})
            points = {row.series_id: tuple(zip(row.days, row.refs, strict=True)) for row in found}
            bands = {str(row.series_id): _band(row) for row in connection.execute(_FORECASTS, {"ids": ids})}
        return {
            series_id: Trend(
                series_id, points.get(series_id, ()), change_pct(points.get(series_id, ())), bands.get(series_id)
            )
            for series_id in {*points, *bands}
        }


def _band(row: Row[Any]) -> Band | None:
    later = [point for point in row.points if date.fromisoformat(point["date"]) > row.as_of]
    if not later:
        return None
    first = min(later, key=lambda point: str(point["date"]))
    return Band(
        date.fromisoformat(first["date"]), Decimal(first["value"]), Decimal(first["low"]), Decimal(first["high"])
    )

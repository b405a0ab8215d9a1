"""`Trends` on PostgreSQL."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from orders.adapters.availability import lent
from orders.application.trends import HISTORY_DAYS, Band, Day, Forecast, History, Trend, change_pct

_POINTS = text(
    "SELECT series_id, quoted_on, low, high, reference FROM series_days WHERE series_id = ANY(CAST(:ids AS uuid[]))"
    " AND quoted_on > CAST(:today AS date) - CAST(:days AS integer) ORDER BY series_id, quoted_on"
)
_FORECASTS = text(
    "SELECT series_id, as_of, trend_pct_week, method, points, coverage FROM series_forecasts"
    " WHERE series_id = ANY(CAST(:ids AS uuid[]))"
)


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
        found, forecasts = self._read(ids)
        points = {
            str(series_id): tuple((row.quoted_on, row.reference) for row in rows)
            for series_id, rows in groupby(found, key=lambda row: row.series_id)
        }
        bands = {forecast.series_id: forecast.points[0] for forecast in forecasts if forecast.points}
        return {
            series_id: Trend(
                series_id, points.get(series_id, ()), change_pct(points.get(series_id, ())), bands.get(series_id)
            )
            for series_id in {*points, *(forecast.series_id for forecast in forecasts)}
        }

    def history(self, series_id: str) -> History:
        """Return what a chart of one series shows; see the port."""
        found, forecasts = self._read([series_id])
        days = tuple(Day(row.quoted_on, row.low, row.high, row.reference) for row in found)
        return History(days, forecasts[0] if forecasts else None)

    def _read(self, ids: list[str]) -> tuple[list[Row[Any]], list[Forecast]]:
        today = self._usda_today or datetime.now(self._time_zone).date()
        with lent(self._engine) as connection:
            days = connection.execute(_POINTS, {"ids": ids, "today": today, "days": HISTORY_DAYS}).all()
            forecasts = connection.execute(_FORECASTS, {"ids": ids}).all()
        return list(days), [_forecast(row, today) for row in forecasts]


def _forecast(row: Row[Any], today: date) -> Forecast:
    """Read a forecast with those of its points that are not over: what was expected of last week helps nobody."""
    bands = sorted(map(_band, row.points), key=lambda band: band.on)
    return Forecast(
        series_id=str(row.series_id),
        as_of=row.as_of,
        trend_pct_week=row.trend_pct_week,
        method=row.method,
        points=tuple(band for band in bands if band.on > row.as_of and band.on >= today),
        coverage=row.coverage,
    )


def _band(point: Mapping[str, str]) -> Band:
    return Band(
        date.fromisoformat(point["date"]), Decimal(point["value"]), Decimal(point["low"]), Decimal(point["high"])
    )

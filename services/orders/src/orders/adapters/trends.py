"""`Trends` on PostgreSQL."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from orders.adapters.availability import lent
from orders.application.trends import HISTORY_DAYS, Band, Day, Forecast, History, Trend, change_pct

# A row for each series, not for each day: a page of 200 offers would otherwise spend most of its time on 4,000 rows.
_POINTS = text(
    "SELECT CAST(series_id AS text) AS series_id, array_agg(quoted_on ORDER BY quoted_on) AS days,"
    " array_agg(reference ORDER BY quoted_on) AS refs FROM series_days WHERE series_id = ANY(CAST(:ids AS uuid[]))"
    " AND quoted_on > CAST(:today AS date) - CAST(:days AS integer) GROUP BY series_id"
)
_DAYS = text(
    "SELECT quoted_on, low, high, reference FROM series_days WHERE series_id = CAST(:id AS uuid)"
    " AND quoted_on > CAST(:today AS date) - CAST(:days AS integer) ORDER BY quoted_on"
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
        today = self._today()
        with lent(self._engine) as connection:
            found = connection.execute(_POINTS, {"ids": ids, "today": today, "days": HISTORY_DAYS}).all()
            forecasts = [_forecast(row, today) for row in connection.execute(_FORECASTS, {"ids": ids})]
        points = {row.series_id: tuple(zip(row.days, row.refs, strict=True)) for row in found}
        bands = {forecast.series_id: forecast.points[0] for forecast in forecasts if forecast.points}
        return {
            series_id: Trend(
                series_id, points.get(series_id, ()), change_pct(points.get(series_id, ())), bands.get(series_id)
            )
            for series_id in {*points, *(forecast.series_id for forecast in forecasts)}
        }

    def history(self, series_id: str) -> History:
        """Return what a chart of one series shows; see the port."""
        today = self._today()
        with lent(self._engine) as connection:
            found = connection.execute(_DAYS, {"id": series_id, "today": today, "days": HISTORY_DAYS}).all()
            forecasts = [_forecast(row, today) for row in connection.execute(_FORECASTS, {"ids": [series_id]})]
        days = tuple(Day(row.quoted_on, row.low, row.high, row.reference) for row in found)
        return History(days, forecasts[0] if forecasts else None)

    def _today(self) -> date:
        return self._usda_today or datetime.now(self._time_zone).date()


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

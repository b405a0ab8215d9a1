"""``/api/v1/prices/series``: series by name, one with trend and forecast, the same goods in every market."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from usda_ingest.announcing.quotes import decimal_text
from usda_ingest.api import answers, search, series_answers, series_queries
from usda_ingest.api.paging import DEFAULT_LIMIT, decode, page
from usda_ingest.api.parameters import After, CommodityName, Limit, Market, Organic, Package, Variety, Words
from usda_ingest.api.price_reads import PriceReads
from usda_ingest.api.problems import Problem
from usda_ingest.api.series_queries import SeriesFilter
from usda_ingest.commodities import known
from usda_ingest.forecasting import market_days, stored

_PROBLEM = {"model": answers.ProblemBody}
_PARTS = ("series_id", "market", "commodity", "variety", "package", "size", "organic")


def routes(reads: PriceReads) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1/prices/series", tags=["series"])

    @router.get("", response_model=series_answers.SeriesPage)
    def listed(
        request: Request,
        *,
        commodity: CommodityName = None,
        market: Market = None,
        variety: Variety = None,
        package: Package = None,
        organic: Organic = None,
        q: Words = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Page through series by commodity, market, variety, package, size; texts match whole, whatever their case."""
        wanted = SeriesFilter(commodity, market, variety, package, organic)
        (before,) = decode(request, after, UUID) or (None,)

        def build(connection: Connection) -> dict[str, Any]:
            found = search.matching(search.kinds(connection), q) if q else None
            rows = series_queries.listed(connection, wanted, kinds=found, after=before, limit=limit)
            return page(request, rows, limit, _item, lambda row: [str(row.series_id)])

        return reads.answer(request, build)

    @router.get("/{series_id}", response_model=series_answers.Series, responses={404: _PROBLEM})
    def one(request: Request, series_id: UUID) -> Response:
        """Return a series with its daily points, its trend and its forecast."""

        def build(connection: Connection) -> dict[str, Any]:
            found = series_queries.one(connection, series_id)
            if found is None:
                raise _no_such_series()
            points, today = series_queries.points(connection, series_id), reads.market_day()
            report = series_queries.report(connection, points[-1]) if points else None
            told = {"report": _report(report) if report else None}
            return {**_series(found, points, today), **told, **stored.read(connection, series_id, today)}

        return reads.answer(request, build, series_id=series_id)

    @router.get("/{series_id}/markets", response_model=series_answers.Markets, responses={404: _PROBLEM})
    def markets(request: Request, series_id: UUID) -> Response:
        """Return the series with the same commodity, variety, package, size and growing in every market."""

        def build(connection: Connection) -> dict[str, Any]:
            rows = series_queries.markets(connection, series_id)
            if not rows:
                raise _no_such_series()
            grouped = groupby(rows, key=lambda row: (row.series_id, row.market))
            return {"items": [_market(*head, list(points)) for head, points in grouped]}

        return reads.answer(request, build)

    return router


def _no_such_series() -> Problem:
    return Problem(404, "not-found", "No such series; find one by /api/v1/prices/series?q=.")


def _parts(row: Any) -> dict[str, Any]:
    told = known(row.commodity)
    return {
        **{name: getattr(row, name) for name in _PARTS},
        "name_es": told.name_es if told else row.commodity,
        "category": row.category or (told.category if told else ""),
    }


def _item(row: Any) -> dict[str, Any]:
    return {
        **_parts(row),
        "first_date": row.first_on,
        "last_date": row.last_on,
        "quotes": row.quotes,
        **{name: decimal_text(getattr(row, name)) for name in ("low", "high", "reference")},
        "change_pct_week": _change_pct(row.reference_before, row.reference),
    }


def _change_pct(before: Any, now: Any) -> float | None:
    return None if before is None else round(float((now / before - 1) * 100), 1)


def _series(found: Any, points: Sequence[Any], today: date) -> dict[str, Any]:
    last_on = points[-1].quoted_on if points else None
    return {
        **_parts(found),
        "unit": found.unit or "package",
        "weight_lb": decimal_text(found.weight_lb),
        "weight_source": found.weight_source,
        "points": [_point(row) for row in points],
        "last_date": last_on,
        "age_business_days": None if last_on is None else max(0, market_days.age(last_on, today)),
    }


def _point(row: Any) -> dict[str, Any]:
    day, report_id, low, high, mostly_low, mostly_high, reference = row
    return {
        "date": day.isoformat(),
        "report_id": report_id,
        "low": low,
        "high": high,
        "mostly_low": mostly_low,
        "mostly_high": mostly_high,
        "reference": reference,
    }


def _report(row: Any) -> dict[str, Any]:
    names = ("report_id", "title", "published", "narrative", "url")
    return {**{name: getattr(row, name) for name in names}, "date": row.reported_on}


def _market(series_id: UUID, market: str, rows: Sequence[Any]) -> dict[str, Any]:
    points = [row for row in rows if row.quoted_on is not None]
    newest = points[-1] if points else None
    amounts = ("low", "high", "reference")
    return {
        "series_id": series_id,
        "market": market,
        "last_date": newest.quoted_on if newest else None,
        **{name: getattr(newest, name) if newest else None for name in amounts},
        "points": [{"date": row.quoted_on.isoformat(), "reference": row.reference} for row in points],
    }

"""``/api/v1/prices``: quotes, commodities and series. Public, as the USDA's own reports are."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from usda_ingest.announcing.quotes import decimal_text
from usda_ingest.api import answers, price_queries, search
from usda_ingest.api.paging import DEFAULT_LIMIT, decode, page, row_id, row_text
from usda_ingest.api.parameters import After, Limit, Wanted, Words
from usda_ingest.api.price_reads import PriceReads
from usda_ingest.commodities import known

_TRAITS = (
    *("series_id", "report_id", "market", "commodity", "variety", "package", "size", "organic", "origin", "quality"),
)


def routes(reads: PriceReads) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1/prices", tags=["prices"])

    @router.get("", response_model=answers.PricePage)
    def prices(request: Request, wanted: Wanted, limit: Limit = DEFAULT_LIMIT, after: After = None) -> Response:
        """Page through quotes, newest day first; texts match whole, whatever their case."""
        cursor = decode(request, after, date.fromisoformat, row_id)

        def build(connection: Connection) -> dict[str, Any]:
            rows = price_queries.quotes(connection, wanted, after=cursor, limit=limit)
            return page(request, rows, limit, price, price_key)

        return reads.answer(request, build)

    @router.get("/commodities", response_model=answers.CommodityPage)
    def commodities(request: Request, q: Words = None, limit: Limit = DEFAULT_LIMIT, after: After = None) -> Response:
        """Page through the commodities by name."""
        cursor = decode(request, after, row_text)

        def build(connection: Connection) -> dict[str, Any]:
            keys = sorted({key for key, _ in search.matching(search.kinds(connection), q)}) if q else None
            rows = price_queries.commodities(connection, keys=keys, after=cursor[0] if cursor else "", limit=limit)
            return page(request, rows, limit, commodity_item, lambda row: [row.commodity_key])

        return reads.answer(request, build)

    return router


def price_key(row: Any) -> list[str]:
    """Return what the rows of ``/prices`` are ordered by."""
    return [row.quoted_on.isoformat(), str(row.quote_id)]


def price(row: Any) -> dict[str, Any]:
    """Return a quote as ``interfaces.md`` fixes it."""
    return {
        **{name: getattr(row, name) for name in _TRAITS},
        "date": row.quoted_on,
        **{name: decimal_text(getattr(row, name)) for name in ("low", "high", "mostly_low", "mostly_high")},
        "single_price": row.single_price,
        "unit": row.unit,
        "weight_lb": decimal_text(row.weight_lb),
        "weight_source": row.weight_source,
        "comment": row.comment,
    }


def commodity_item(row: Any) -> dict[str, Any]:
    """Return a commodity; where no translation is known its own name stands in."""
    told = known(row.commodity_key)
    return {
        "name": row.name,
        "name_es": told.name_es if told else row.name,
        "category": row.category or (told.category if told else ""),
        "series": row.series,
        "last_date": row.last_on,
    }

"""``/api/v1/prices``: quotes, commodities and series. Public, as the USDA's own reports are."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from usda_ingest.announcing.announcements import decimal_text
from usda_ingest.api import answers, price_queries, search
from usda_ingest.api.paging import DEFAULT_LIMIT, MAX_CURSOR_CHARS, MAX_LIMIT, decode, page
from usda_ingest.api.price_queries import PriceFilter
from usda_ingest.api.price_reads import PriceReads
from usda_ingest.commodities import known

MAX_FILTER_CHARS = 300
NO_NUL = r"^[^\x00]*$"  # PostgreSQL has no such character
MAX_ID = 2**63 - 1
_TRAITS = (
    *("series_id", "report_id", "market", "commodity", "variety", "package", "size", "organic", "origin", "quality"),
)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
After = Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS, description="from `next` of the page before")]
Words = Annotated[
    str | None,
    Query(
        max_length=search.MAX_QUERY_CHARS,
        pattern=NO_NUL,
        description="words that begin words of the commodity's English or Spanish name or of a variety; "
        "case and accents don't matter",
    ),
]
Text = Annotated[str | None, Query(max_length=MAX_FILTER_CHARS, pattern=NO_NUL)]


def routes(reads: PriceReads) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1/prices", tags=["prices"])

    @router.get("", response_model=answers.PricePage)
    def prices(  # noqa: PLR0917 - FastAPI reads the query from the signature
        request: Request,
        commodity: Text = None,
        variety: Text = None,
        package: Text = None,
        series_id: UUID | None = None,
        from_: Annotated[date | None, Query(alias="from")] = None,
        to: date | None = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Page through quotes, newest day first; texts match whole, whatever their case."""
        wanted = PriceFilter(commodity or None, variety or None, package or None, series_id, from_, to)
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


def row_text(text: str) -> str:
    """Read a row's name from a cursor."""
    if "\x00" in text:
        raise ValueError(text)
    text.encode()  # half of a surrogate pair, which JSON can spell, is a ValueError too
    return text


def row_id(text: str) -> int:
    """Read a row's id from a cursor."""
    number = int(text)
    if not 0 <= number <= MAX_ID:
        raise ValueError(text)
    return number


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

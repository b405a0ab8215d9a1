"""``/api/v1/prices.csv``: the rows of ``/api/v1/prices`` as a file."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from usda_ingest.api import csv_rows, price_queries
from usda_ingest.api.downloads import MAX_ROWS, PAGE_ROWS, RETRY_AFTER_S, Download, Downloads
from usda_ingest.api.etags import is_known
from usda_ingest.api.paging import decode, next_page, row_id
from usda_ingest.api.parameters import After, Wanted
from usda_ingest.api.price_queries import PriceFilter
from usda_ingest.api.price_reads import PriceReads
from usda_ingest.api.price_routes import price, price_key
from usda_ingest.api.problems import Problem

_MAX_NAME_CHARS = 60
_EXAMPLE = (csv_rows.header() + csv_rows.lines([csv_rows.EXAMPLE])).decode()
_Position = Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class _Start:
    """What is known before the first row is sent."""

    etag: str
    last: Any
    """The last row of this file, if there are more rows than it may have."""


def routes(reads: PriceReads) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["prices"])
    downloads = Downloads()

    described = {"content": {"text/csv": {"schema": {"type": "string"}, "example": _EXAMPLE}}}

    @router.get("/api/v1/prices.csv", response_class=Response, responses={200: described})
    async def download(request: Request, wanted: Wanted, after: After = None) -> Response:
        """Download quotes, newest day first, as CSV with the API's own names as header.

        At most 100,000 rows; where there are more, `Link` with `rel="next"` says where the rest is. A text that a
        spreadsheet would run as a formula has an apostrophe before it.
        """
        position = decode(request, after, date.fromisoformat, row_id)
        start = await run_in_threadpool(_start, reads, request, wanted, position)
        headers = {"ETag": start.etag}
        if is_known(request.headers.get("If-None-Match"), start.etag):
            return Response(status_code=304, headers=headers)
        headers["Content-Disposition"] = f'attachment; filename="{_file_name(wanted)}"'
        if start.last is not None:
            headers["Link"] = f'<{next_page(request, price_key(start.last))}>; rel="next"'
        if not downloads.begin():
            detail = "Too many downloads are under way; try again in a moment."
            raise Problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        return Download(_pages(reads, wanted, position), headers, downloads.end)

    return router


def _start(reads: PriceReads, request: Request, wanted: PriceFilter, position: _Position) -> _Start:
    with reads.engine.connect() as connection:
        etag = reads.current(connection, f"{request.url.path}?{request.url.query}")
        last = price_queries.last_of(connection, wanted, after=position, rows=MAX_ROWS)
    return _Start(etag, last)


async def _pages(reads: PriceReads, wanted: PriceFilter, position: _Position) -> AsyncIterator[bytes]:
    """Yield the file page by page, each fetched when the one before has been taken."""

    def fetch(after: _Position, limit: int) -> tuple[bytes, _Position]:
        with reads.engine.connect() as connection:
            rows = price_queries.quotes(connection, wanted, after=after, limit=limit)
        shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
        following = (last.quoted_on, last.quote_id) if last is not None else None
        return csv_rows.lines(price(row) for row in shown), following

    yield csv_rows.header()
    for fetched in range(0, MAX_ROWS, PAGE_ROWS):
        text, position = await run_in_threadpool(fetch, position, min(PAGE_ROWS, MAX_ROWS - fetched))
        yield text
        if position is None:
            return


def _file_name(wanted: PriceFilter) -> str:
    """Return a plain name that tells what is in it: ``usda-prices-avocados-2026-01-01.csv``."""
    told = [wanted.commodity, wanted.variety, wanted.first_on, wanted.last_on]
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join(str(part) for part in told if part).lower()).strip("-")
    return f"{'-'.join(part for part in ('usda-prices', plain[:_MAX_NAME_CHARS].strip('-')) if part)}.csv"

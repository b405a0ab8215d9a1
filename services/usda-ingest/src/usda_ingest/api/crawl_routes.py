"""``/api/v1/prices/crawls``: how crawls went, and starting one."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from mercadito_events.service.identity import KeySet
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from usda_ingest.api import answers, crawl_queries
from usda_ingest.api.crawl_answers import WantedCrawl
from usda_ingest.api.paging import DEFAULT_LIMIT, decode, page
from usda_ingest.api.parameters import After, Limit
from usda_ingest.api.problems import Problem
from usda_ingest.api.report_routes import account
from usda_ingest.api.signed_in import require_staff
from usda_ingest.api.wanted_crawl import plan_of, read_body
from usda_ingest.api.wanted_form import CONTENT_TYPE, is_form, read_form, wanted_of, way_back
from usda_ingest.crawling.outlook import Timetable
from usda_ingest.crawling.plan import Plan
from usda_ingest.errors import CrawlBusy
from usda_ingest.storing.crawls import MAX_PROBLEMS

StartCrawl = Callable[[str, Plan], Awaitable[uuid.UUID]]
_BACK = {"description": "A form's answer: back to its page, with `answer` in the query"}
_PROBLEM = {"model": answers.ProblemBody}
_CRAWL = (
    *("crawl_id", "source", "cause", "state", "reason", "requested_at", "started_at", "finished_at", "pages", "files"),
    *("files_stored", "files_unchanged", "files_refused", "files_without_prices", "download_ms", "store_ms", "sources"),
)
_WANTED = {
    "requestBody": {
        "required": False,
        "content": {name: {"schema": WantedCrawl.model_json_schema()} for name in ("application/json", CONTENT_TYPE)},
    }
}


def routes(engine: Engine, keys: KeySet, start_crawl: StartCrawl, timetable: Timetable) -> APIRouter:
    """Return the routes; ``start_crawl`` starts one for a cause and with a plan, or raises ``CrawlBusy``."""
    router = APIRouter(prefix="/api/v1/prices", tags=["crawls"])

    @router.get("/crawls", response_model=answers.CrawlPage)
    def crawls(request: Request, limit: Limit = DEFAULT_LIMIT, after: After = None) -> dict[str, Any]:
        """Page through the crawls, newest first."""
        cursor = decode(request, after, datetime.fromisoformat, UUID)
        with engine.connect() as connection:
            rows = crawl_queries.crawls(connection, after=cursor, limit=limit)
        return page(request, rows, limit, _crawl, lambda row: [row.requested_at.isoformat(), str(row.crawl_id)])

    @router.get("/crawls/{crawl_id}", response_model=answers.Crawl, responses={404: _PROBLEM})
    def crawl(crawl_id: UUID) -> dict[str, Any]:
        """Return a crawl with all problems that were kept."""
        with engine.connect() as connection:
            found = crawl_queries.crawl(connection, crawl_id, problems=MAX_PROBLEMS)
        if found is None:
            raise Problem(404, "not-found", "No such crawl.")
        return _crawl(found)

    async def begin(request: Request, fields: Mapping[str, object] | None) -> uuid.UUID:
        # Who may not start one learns nothing of what was asked.
        await run_in_threadpool(require_staff, request, engine, keys)
        crawl_settings = timetable.settings.crawl
        asked = await read_body(request) if fields is None else fields
        plan = plan_of(asked, crawl_settings.sources, crawl_settings.market_day())
        try:
            return await start_crawl("staff", plan)
        except CrawlBusy:
            raise Problem(409, "crawl-running", "A crawl is running already; see /api/v1/prices/crawls.") from None

    @router.post(
        "/crawls",
        status_code=202,
        response_model=answers.Crawl,
        responses={303: _BACK, 401: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 413: _PROBLEM, 422: _PROBLEM},
        openapi_extra=_WANTED,
    )
    async def start(request: Request) -> Response:
        """Start a crawl now, of some sources or days if the body says so; staff only, one at a time.

        A page's form (`from`, `to`, `sources`, and `next`, where to go on) is answered with 303 to there, what came of
        it in the query's `answer`.
        """
        if is_form(request):
            fields = read_form(await read_body(request))
            try:
                await begin(request, wanted_of(fields))
            except Problem as problem:
                return way_back(fields, problem)
            except (OperationalError, PoolTimeoutError):
                return way_back(fields, Problem(503, "unavailable", "The price database does not answer right now."))
            return way_back(fields)
        crawl_id = await begin(request, None)
        body = answers.Crawl.model_validate(await run_in_threadpool(crawl, crawl_id))
        location = {"Location": f"/api/v1/prices/crawls/{crawl_id}"}
        return JSONResponse(body.model_dump(mode="json"), 202, location)

    return router


def _crawl(row: Any) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in _CRAWL}
    sums = {name: sum(line[name] for line in row.sources) for name in ("requests", "retries", "bytes", "done")}
    total = sum(max(line["planned"], line["done"]) for line in row.sources)
    return {
        **plain,
        **account(row),
        "window": {"from": row.window_from, "to": row.window_to} if row.window_from else None,
        "progress": {"done": sums.pop("done"), "total": total or None},
        **sums,
        "problem_count": row.problems,
        "problems": row.shown_problems,
    }

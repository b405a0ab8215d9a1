"""The FastAPI application: public price reads, the account of files, starting crawls, health."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI, Response
from mercadito_events.service import health
from mercadito_events.service.identity import KeySet
from sqlalchemy import Engine

from usda_ingest import __version__
from usda_ingest.api import (
    crawl_routes,
    csv_routes,
    openapi,
    price_routes,
    problems,
    report_routes,
    schedule_routes,
    series_routes,
)
from usda_ingest.api.conditional import ConditionalReads
from usda_ingest.api.crawl_routes import StartCrawl
from usda_ingest.api.price_reads import MarketDay, PriceReads
from usda_ingest.api.requests_seen import RequestsSeen
from usda_ingest.crawling.outlook import Timetable

SERVICE = "usda"

FindProblems = Callable[[], Awaitable[Sequence[str]]]


def create_app(
    engine: Engine,
    keys: KeySet,
    *,
    start_crawl: StartCrawl,
    timetable: Timetable,
    find_problems: FindProblems,
    market_day: MarketDay,
) -> FastAPI:
    """Return the application.

    Args:
        engine: the service's database; every read is one short transaction.
        keys: the public keys of orders.
        start_crawl: starts a crawl for a cause and with a plan, or raises ``CrawlBusy``.
        timetable: knows when the next crawl is due, and what is configured.
        find_problems: what keeps the service from serving right now.
        market_day: says by which day the age of a quote is judged.

    """
    app = FastAPI(
        title="Mercadito prices",
        version=__version__,
        openapi_url="/api/v1/prices/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    # A path that is none of ours is none of ours with a slash less, either; and a redirect would repeat any query.
    app.router.redirect_slashes = False
    problems.install(app)
    reads = PriceReads(engine, market_day)
    app.include_router(price_routes.routes(reads))
    app.include_router(series_routes.routes(reads))
    app.include_router(csv_routes.routes(reads))
    app.include_router(crawl_routes.routes(engine, keys, start_crawl, timetable))
    app.include_router(schedule_routes.routes(engine, timetable))
    app.include_router(report_routes.routes(engine))
    openapi.install(app)
    _add_health(app, find_problems)
    app.add_middleware(ConditionalReads)
    app.add_middleware(RequestsSeen)
    return app


def _add_health(app: FastAPI, find_problems: FindProblems) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return _response(health.alive())

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        return _response(health.readiness(SERVICE, await find_problems()))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return _response(health.metrics())


def _response(answer: health.Answer) -> Response:
    status, headers, body = answer
    return Response(body, status, headers)

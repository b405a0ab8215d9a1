"""The web side: health, metrics, the delivery log, staff's doings, the pages behind mails. Handlers run in threads."""

import uuid
from collections.abc import Awaitable, Callable, Sequence

import structlog
from fastapi import FastAPI, Request, Response
from mercadito_events.service import health, tracing

from notify import __version__
from notify.api import (
    bounce_routes,
    gallery,
    held_back_pages,
    mail_pages,
    notification_routes,
    problems,
    queue_routes,
    suppression_routes,
)
from notify.api.mail_pages import Desk
from notify.api.notification_routes import PATH
from notify.api.staff import staff_only
from notify.market.quotes import market_day
from notify.subscriptions import subscriptions

SERVICE = "notify"
MAX_REQUEST_ID_CHARS = 100

Next = Callable[[Request], Awaitable[Response]]


def create_app(desk: Desk, problems_now: Callable[[], Sequence[str]]) -> FastAPI:
    """Build the application; ``problems_now`` says what keeps the process from serving."""
    app = FastAPI(title="Mercadito mails", version=__version__, openapi_url=f"{PATH}/openapi.json", docs_url=None)
    app.router.redirect_slashes = False
    problems.install(app)
    app.middleware("http")(_with_request_id)
    _add_health(app, problems_now)
    staff = staff_only(desk.engine, desk.keys)
    # Before the log: what has a name of its own is no mail's number.
    handlers = {one.durable: one.handlers for one in subscriptions(market_day(desk.hub.time_zone, desk.usda_today))}
    app.include_router(queue_routes.routes(desk.engine, staff, handlers, desk.mode, desk.relays))
    app.include_router(suppression_routes.routes(desk.engine, staff))
    app.include_router(notification_routes.routes(desk.engine, staff))
    app.include_router(bounce_routes.routes(desk.engine, desk.bounce_signer, desk.return_path))
    app.include_router(mail_pages.routes(desk))
    app.include_router(gallery.routes(desk))
    app.include_router(held_back_pages.routes(desk))
    return app


def _add_health(app: FastAPI, problems_now: Callable[[], Sequence[str]]) -> None:
    def answer(given: health.Answer) -> Response:
        status, headers, body = given
        return Response(body, status, headers)

    app.add_api_route("/healthz", lambda: answer(health.alive()), include_in_schema=False)
    app.add_api_route("/readyz", lambda: answer(health.readiness(SERVICE, problems_now())), include_in_schema=False)
    app.add_api_route("/metrics", lambda: answer(health.metrics()), include_in_schema=False)


async def _with_request_id(request: Request, call_next: Next) -> Response:
    given = request.headers.get("X-Request-Id", "")
    usable = given and given.isascii() and given.isprintable() and len(given) <= MAX_REQUEST_ID_CHARS
    request.state.request_id = given if usable else str(uuid.uuid4())
    tracing.adopt(request.headers.get("traceparent"))
    with structlog.contextvars.bound_contextvars(request_id=request.state.request_id):
        try:
            response = await call_next(request)
        except Exception:  # noqa: BLE001 - the outermost frame of a request; it is logged there
            response = problems.crashed(request)
    response.headers["X-Request-Id"] = request.state.request_id
    response.headers.setdefault("Cache-Control", "no-store")
    return response

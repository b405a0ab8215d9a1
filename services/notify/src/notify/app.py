"""The web side: health, metrics and the delivery log. Handlers are plain functions: they run in threads."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import Depends, FastAPI, Query, Request, Response
from mercadito_events.service import health
from mercadito_events.service.identity import Identity, KeySet, Unauthenticated
from sqlalchemy import Engine

from notify import __version__, delivery_log, problems, revocations
from notify.delivery_log import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT, Filter, Page
from notify.policy import State

SERVICE = "notify"
PATH = "/api/v1/notifications"
MAX_REQUEST_ID_CHARS = 100
MAX_FILTER_CHARS = 100

Next = Callable[[Request], Awaitable[Response]]
ShortText = Annotated[str | None, Query(max_length=MAX_FILTER_CHARS, pattern=r"^[\x21-\x7e]+$")]


def create_app(engine: Engine, keys: KeySet, problems_now: Callable[[], Sequence[str]]) -> FastAPI:
    """Build the application; ``problems_now`` says what keeps the process from serving."""
    app = FastAPI(title="Mercadito mails", version=__version__, openapi_url=f"{PATH}/openapi.json", docs_url=None)
    app.router.redirect_slashes = False
    problems.install(app)
    app.middleware("http")(_with_request_id)
    _add_health(app, problems_now)
    _add_log(app, engine, keys)
    return app


def _add_health(app: FastAPI, problems_now: Callable[[], Sequence[str]]) -> None:
    def answer(given: health.Answer) -> Response:
        status, headers, body = given
        return Response(body, status, headers)

    app.add_api_route("/healthz", lambda: answer(health.alive()), include_in_schema=False)
    app.add_api_route("/readyz", lambda: answer(health.readiness(SERVICE, problems_now())), include_in_schema=False)
    app.add_api_route("/metrics", lambda: answer(health.metrics()), include_in_schema=False)


def _add_log(app: FastAPI, engine: Engine, keys: KeySet) -> None:
    def staff(request: Request) -> Identity:
        identity = _identity(request, keys)
        with engine.connect() as connection:
            if revocations.is_revoked(connection, identity):
                raise Unauthenticated("signed out")
        if identity.role not in ("staff", "admin"):
            raise problems.Forbidden("only staff may see what was mailed")
        if not identity.may(request.method):
            raise problems.Forbidden("this token was made for reading only")
        return identity

    @app.get(PATH)
    def notifications(
        _: Annotated[Identity, Depends(staff)],
        order_id: ShortText = None,
        person_id: ShortText = None,
        state: State | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
        before: Annotated[int, Query(ge=1, le=MAX_CURSOR)] = MAX_CURSOR,
    ) -> Page:
        """List what was mailed, or not, newest first; staff only."""
        wanted = Filter(order_id=order_id, person_id=person_id, state=state)
        with engine.connect() as connection:
            found = delivery_log.read(connection, wanted, before=before, limit=limit + 1)
        if len(found) <= limit:
            return Page(items=found, next=None)
        query = wanted.model_dump(exclude_none=True, mode="json") | {"limit": limit, "before": found[limit - 1].id}
        return Page(items=found[:limit], next=f"{PATH}?{urlencode(query)}")


def _identity(request: Request, keys: KeySet) -> Identity:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return keys.verify(token.strip(), {"api"})
    cookie = request.cookies.get("mercadito_id")
    if cookie is None:
        raise Unauthenticated("neither a bearer token nor an identity cookie was sent")
    return keys.verify(cookie, {"web"})


async def _with_request_id(request: Request, call_next: Next) -> Response:
    given = request.headers.get("X-Request-Id", "")
    usable = given and given.isascii() and given.isprintable() and len(given) <= MAX_REQUEST_ID_CHARS
    request.state.request_id = given if usable else str(uuid.uuid4())
    with structlog.contextvars.bound_contextvars(request_id=request.state.request_id):
        try:
            response = await call_next(request)
        except Exception:  # noqa: BLE001 - the outermost frame of a request; it is logged there
            response = problems.crashed(request)
    response.headers["X-Request-Id"] = request.state.request_id
    response.headers.setdefault("Cache-Control", "no-store")
    return response

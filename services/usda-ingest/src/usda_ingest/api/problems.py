"""Every error that leaves this service is an RFC 9457 problem; 5xx tell nothing of the inside."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

BASE = "https://mercadito.example/problems/"
READING = frozenset({"GET", "HEAD"})
RETRY_AFTER_S = 2
_SLUGS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    422: "invalid",
    503: "unavailable",
}
_log = structlog.get_logger(__name__)


class Problem(Exception):
    """Raised anywhere below a route; becomes the answer."""

    def __init__(
        self, status: int, slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        self.status, self.slug, self.detail, self.headers, self.members = status, slug, detail, headers, members
        super().__init__(detail)


def install(app: FastAPI) -> None:
    """Make the app answer every kind of error as a problem."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(OperationalError, _answer_database)
    app.add_exception_handler(InterfaceError, _answer_database)
    app.add_exception_handler(PoolTimeoutError, _answer_database)
    app.add_exception_handler(DBAPIError, _answer_broken)
    app.add_exception_handler(Exception, _answer_broken)


def problem(
    request: Request, status: int, slug: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """Return the problem as an answer."""
    body: dict[str, Any] = {
        "type": BASE + slug,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request.scope.get("request_id"),
        **members,
    }
    always = {"Cache-Control": "no-store"}
    if body["request_id"]:  # here too: what breaks unforeseen is answered outside of every middleware
        always["X-Request-Id"] = body["request_id"]
    return JSONResponse(body, status, {**always, **(headers or {})}, media_type="application/problem+json")


async def _answer_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    return problem(request, error.status, error.slug, error.detail, error.headers, **error.members)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    slug = _SLUGS.get(error.status_code, "error")
    return problem(request, error.status_code, slug, str(error.detail), error.headers)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    errors = [{"field": str(one["loc"][-1]), "message": str(one["msg"])} for one in error.errors()]
    return problem(request, 422, "invalid", "The request is not valid.", errors=errors)


async def _answer_database(request: Request, error: Exception) -> JSONResponse:
    _log.warning("database_unavailable", error=type(error).__name__)
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    if request.method in READING:
        # Whatever became of it may be asked again: the gateway holds it until the database is back.
        headers["X-Gateway-Not-Processed"] = "1"
    return problem(request, 503, "unavailable", "The price database does not answer right now.", headers)


async def _answer_broken(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_broke", error=type(error).__name__, exc_info=error)
    return problem(request, 500, "internal", "Something went wrong here; it has been logged.")

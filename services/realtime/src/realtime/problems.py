"""Every error that leaves the HTTP side is an RFC 9457 problem; 5xx tell nothing of the inside."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

BASE = "https://mercadito.example/problems/"
MEDIA_TYPE = "application/problem+json"
SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
    },
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
}
_SLUGS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    422: "invalid",
    429: "too-many-requests",
    503: "unavailable",
}
_log = structlog.get_logger(__name__)


class Problem(Exception):
    """Raised below a route; becomes the answer."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        self.status, self.detail, self.headers, self.members = status, detail, headers, members
        super().__init__(detail)


def install(app: FastAPI) -> None:
    """Make the app answer every kind of error as a problem."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(Exception, _answer_broken)


def _answer(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    body = {
        "type": BASE + _SLUGS.get(status, "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "error"),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request.headers.get("x-request-id"),
        **members,
    }
    return JSONResponse(body, status, {"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE)


async def _answer_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    return _answer(request, error.status, error.detail, error.headers, **error.members)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return _answer(request, error.status_code, str(error.detail), error.headers)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    errors = [{"field": str(one["loc"][-1]), "message": str(one["msg"])} for one in error.errors()]
    return _answer(request, 422, "The request is not valid.", errors=errors)


async def _answer_broken(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_broke", error=type(error).__name__, exc_info=error)
    return _answer(request, 500, "Something went wrong here; it has been logged.")

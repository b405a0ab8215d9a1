"""Errors as RFC 9457 ``application/problem+json``; one table from exception to answer."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mercadito_events.service.identity import Unauthenticated
from starlette.exceptions import HTTPException

from notify.outages import DATABASE_AWAY

BASE = "https://mercadito.example/problems/"
READING = frozenset({"GET", "HEAD"})
RETRY_AFTER_S = 2
_log = structlog.get_logger(__name__)


class Forbidden(Exception):
    """Signed in, but not someone who may see this."""


class Problem(Exception):
    """Refused for a reason that whoever asks is told."""

    def __init__(self, status: int, slug: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.title = title


def problem(request: Request, status: int, slug: str, title: str, detail: str, **more: object) -> JSONResponse:
    """Return a problem; ``more`` are further members, such as ``errors``."""
    body = {
        "type": BASE + slug,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
        **more,
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make every error of the application answer with a problem."""
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(Problem, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for away in DATABASE_AWAY:
        app.add_exception_handler(away, _unavailable)


async def _unauthenticated(request: Request, error: Exception) -> JSONResponse:
    answer = problem(request, 401, "unauthenticated", "Sign in first", str(error))
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def _forbidden(request: Request, error: Exception) -> JSONResponse:
    return problem(request, 403, "forbidden", "Not allowed", str(error))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    answer = problem(request, error.status, error.slug, error.title, str(error))
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [{"field": str(one["loc"][-1]), "message": one["msg"]} for one in found]
    return problem(request, 422, "invalid", "The request has mistakes", "See errors.", errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    slugs = {404: ("not-found", "Not found"), 405: ("method-not-allowed", "Method not allowed")}
    slug, title = slugs.get(status, ("error", "The request failed"))
    answer = problem(request, status, slug, title, title + ".")
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("database_away", problem=type(error).__name__)
    answer = problem(request, 503, "unavailable", "Not available right now", "Try again in a moment.")
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    if request.method in READING:
        # Whatever became of it may be asked again: the gateway holds it until the database is back.
        answer.headers["X-Gateway-Not-Processed"] = "1"
    return answer


def crashed(request: Request) -> JSONResponse:
    """Answer for a mistake of ours, without saying which; call it while handling the exception."""
    _log.exception("request_crashed", path=request.url.path)
    return problem(request, 500, "internal", "Something went wrong", "It has been logged under the request id.")

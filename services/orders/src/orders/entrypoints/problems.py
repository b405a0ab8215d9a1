"""Refusals as RFC 9457 problems: one table from exception to status, for the API; pages draw theirs from the same."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, json, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from orders.application.facts import timestamp
from orders.domain import account_errors, errors
from orders.entrypoints.http import request_id

BASE = "https://mercadito.example/problems/"
RETRY_SOON_S = 1
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is written as JSON or drawn as a page; `more` are the type's own members."""

    slug: str
    status: int
    title: str
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        return {
            "type": BASE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "request_id": request_id(),
            **self.more,
        }

    def response(self) -> Response:
        """Write the problem as JSON."""
        return Response(
            json.dumps(self.body()), self.status, dict(self.headers), content_type="application/problem+json"
        )


ErrorPage = Callable[[Problem], ResponseReturnValue]


class MissingIdempotencyKey(Exception):
    """A request that creates something came without a usable Idempotency-Key."""


class PreconditionRequired(Exception):
    """A change of an order came without If-Match."""


_SIMPLE: Mapping[type[Exception], tuple[str, int, str]] = {
    MissingIdempotencyKey: ("idempotency-key-missing", 400, "An Idempotency-Key is needed"),
    errors.Unauthenticated: ("unauthenticated", 401, "Sign in first"),
    errors.WrongCredentials: ("unauthenticated", 401, "E-mail and password do not go together"),
    account_errors.OtpRequired: ("otp-required", 401, "A code of the second factor is needed"),
    account_errors.WrongCode: ("otp-required", 401, "The code of the second factor is wrong"),
    account_errors.LinkOver: ("not-found", 404, "This link does not work any more"),
    account_errors.NotEnrolled: ("not-found", 404, "There is no second factor"),
    errors.Forbidden: ("forbidden", 403, "Not allowed"),
    errors.NotFound: ("not-found", 404, "Not found"),
    errors.CycleCancelled: ("cycle-closed", 409, "This market day was cancelled"),
    errors.CycleNotEditable: ("cycle-not-editable", 409, "This market day can't be changed like that now"),
    errors.CycleClosed: ("cycle-closed", 409, "This market day takes no orders now"),
    errors.OrderNotEditable: ("order-not-editable", 409, "This order can no longer be changed"),
    errors.KeyReused: ("idempotency-key-reused", 422, "The Idempotency-Key was used for another request"),
    PreconditionRequired: ("precondition-required", 428, "If-Match is needed"),
}
_FRAMEWORK: Mapping[int, str] = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "request-timeout",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    429: "too-many-requests",
    431: "headers-too-large",
}


def problem_of(error: Exception) -> Problem:
    """Describe an exception; whatever is not known is a 500 that says nothing of its inside."""
    simple = _SIMPLE.get(type(error))
    if simple is not None:
        slug, status, title = simple
        return Problem(slug, status, title, str(error) or title, headers=_challenge(status))
    if isinstance(error, errors.Refused):
        return _refusal(error)
    if isinstance(error, HTTPException):
        return _framework_problem(error)
    return Problem("internal", 500, "Something went wrong here", "It is not your fault; it has been noted.")


def _refusal(error: errors.Refused) -> Problem:
    match error:
        case errors.Invalid():
            fields = [{"field": found.field, "message": found.message} for found in error.errors]
            return Problem("invalid", 422, "Some fields make no sense", str(error), {"errors": fields})
        case errors.SoldOut():
            short = [asdict(shortage) for shortage in error.shortages]
            return Problem("sold-out", 409, "Not enough is left", str(error), {"shortages": short})
        case errors.PriceChanged():
            prices = [asdict(price) for price in error.prices]
            return Problem("price-changed", 409, "Prices have changed", str(error), {"prices": prices})
        case errors.VersionConflict():
            title = f"Somebody changed this {error.what} in the meantime"
            return Problem("version-conflict", 412, title, str(error), {"version": error.version})
        case _:
            return _conflict(error)


def _conflict(error: errors.Refused) -> Problem:
    """Describe what the state of day or store stands against."""
    match error:
        case errors.OffersClosed():
            closed = [{**asdict(one), "cutoff_at": timestamp(one.cutoff_at)} for one in error.offers]
            return Problem("cycle-closed", 409, "Some of these offers have closed", str(error), {"offers": closed})
        case errors.OrderExists():
            more = {"order_id": error.order_id}
            return Problem("order-exists", 409, "This store has an order in this cycle already", str(error), more)
        case _:
            return _passing_refusal(error)


def _passing_refusal(error: errors.Refused) -> Problem:
    """Describe what may succeed later; each says when."""
    soon = {"Retry-After": str(RETRY_SOON_S)}
    match error:
        case errors.KeyInFlight():
            return Problem("idempotency-key-in-flight", 409, "The same request is at work", str(error), headers=soon)
        case errors.TooManyAttempts():
            later = {"Retry-After": str(error.retry_after_s)}
            return Problem("too-many-requests", 429, "Too many failed attempts", str(error), headers=later)
        case errors.TooManyMails():
            later = {"Retry-After": str(error.retry_after_s)}
            return Problem("too-many-requests", 429, "Too many mails to this person", str(error), headers=later)
        case errors.TooManyComments():
            later = {"Retry-After": str(error.retry_after_s)}
            return Problem("too-many-requests", 429, "Too many comments", str(error), headers=later)
        case errors.TooManyTokens():
            return Problem("too-many-requests", 429, "Too many tokens", str(error), headers={"Retry-After": "3600"})
        case errors.Unavailable():
            headers = {**soon, **_told_to_the_gateway(error)}
            return Problem("unavailable", 503, "Not now", "Please try again in a moment.", headers=headers)
        case _:
            raise AssertionError(f"no problem for {type(error).__name__}")


def _told_to_the_gateway(error: errors.Unavailable) -> dict[str, str]:
    """Reads and what certainly was not done may be held and sent again; what is in doubt may with a key (ADR 50)."""
    if error.not_processed or request.method in _READING:
        return {"X-Gateway-Not-Processed": "1"}
    return {"X-Gateway-Outcome": "unknown"} if error.in_doubt else {}


def _framework_problem(error: HTTPException) -> Problem:
    status = error.code or 500
    title = HTTPStatus(status).phrase
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem("internal", status, "Something went wrong here", "It is not your fault; it has been noted.")
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    slug = _FRAMEWORK.get(status, "bad-request")
    return Problem(slug, status, title, error.description or title, headers={**headers, **_challenge(status)})


def _challenge(status: int) -> dict[str, str]:
    if status != HTTPStatus.UNAUTHORIZED:
        return {}
    by_password = request.method == "POST" and request.path.endswith("/tokens")
    return {"WWW-Authenticate": 'Basic realm="mercadito"' if by_password else "Bearer"}


def register(app: Flask) -> None:
    """Answer every error: the API with problem+json, pages with the page they registered as `error_page`."""

    def answer(error: Exception) -> ResponseReturnValue:
        problem = problem_of(error)
        if isinstance(error, HTTPException) and problem.status < HTTPStatus.BAD_REQUEST:
            return error.get_response()  # a redirect of the routing
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.exception("request_failed", exc_info=error)
        page: ErrorPage | None = app.extensions.get("error_page")
        if page is None or request.path.startswith("/api/"):
            return problem.response()
        return page(problem)

    app.register_error_handler(Exception, answer)

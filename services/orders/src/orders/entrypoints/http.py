"""Around every request: its id, its log line, its measurements, the client's address."""

import re
import time
from http import HTTPStatus
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from mercadito_events.service import tracing
from mercadito_events.service.addresses import counted
from prometheus_client import Counter, Histogram

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_REQUESTS = Counter("orders_http_requests_total", "Requests answered", ["method", "route", "status"])
_DURATION = Histogram(
    "orders_http_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Add what happens before and after every request."""
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """Return the id of the current request."""
    found: str = g.request_id
    return found


def client_address() -> str:
    """Return the client's address as throttles count it; the gateway vouches for what X-Real-IP says, and only that."""
    peer = request.remote_addr or ""
    return counted(request.headers.get("X-Real-IP", "")) or counted(peer) or peer or "unknown"


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "none"


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else str(uuid4())
    g.began_at = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    g.span = tracing.begin(f"{request.method} {_route()}", "server", request.headers.get("traceparent"))
    tracing.adopt(g.span.traceparent)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    route = _route()
    took_s = time.perf_counter() - g.began_at
    _REQUESTS.labels(request.method if request.url_rule else "other", route, response.status_code).inc()
    _DURATION.labels(route).observe(took_s)
    if request.path not in _QUIET:
        _log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            duration_ms=round(took_s * 1000, 1),
        )
    g.span.note(status=response.status_code)
    g.span.end("answered as a fault" if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else "")
    return response

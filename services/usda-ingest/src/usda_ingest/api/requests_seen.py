"""Every request: an id that its answer, its log line and its problems share, a duration, a count."""

import re
import time
import uuid
from typing import Any

import structlog
from mercadito_events.service import tracing
from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_QUIET = ("/healthz", "/readyz", "/metrics")
_seconds = Histogram("mercadito_usda_request_seconds", "Time to answer", ["method"])
_answers = Counter("mercadito_usda_answers_total", "Answers by status", ["status"])
_log = structlog.get_logger(__name__)


class RequestsSeen:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        status, started = 500, time.monotonic()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message["headers"])["X-Request-Id"] = request_id
            await send(message)

        tracing.adopt(_header(scope, b"traceparent"))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            finally:
                _note(scope, status, time.monotonic() - started)


def _request_id(scope: Scope) -> str:
    given = _header(scope, b"x-request-id")
    return given if _ID.fullmatch(given) else str(uuid.uuid4())


def _header(scope: Scope, wanted: bytes) -> str:
    return next((str(value.decode("latin-1")) for name, value in scope["headers"] if name == wanted), "")


def _note(scope: Scope, status: int, seconds: float) -> None:
    _answers.labels(str(status)).inc()
    _seconds.labels(scope["method"] if scope["method"] in ("GET", "POST") else "other").observe(seconds)
    if scope["path"] in _QUIET:
        return
    fields: dict[str, Any] = {"method": scope["method"], "path": scope["path"], "status": status}
    _log.info("request", **fields, duration_ms=round(seconds * 1000, 1))

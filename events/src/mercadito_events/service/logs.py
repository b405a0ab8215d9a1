"""Logs: one JSON line each, whoever writes it, without secrets or addresses."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from mercadito_events.service import tracing

REMOVED = "[removed]"
MAX_DEPTH = 6
_SECRET_WORDS = frozenset(
    [
        "address",
        "addresses",
        "authorization",
        "body",
        "cookie",
        "credential",
        "credentials",
        "email",
        "emails",
        "key",
        "link",
        "links",
        "mail",
        "password",
        "passwords",
        "recipient",
        "recipients",
        "secret",
        "secrets",
        "ticket",
        "token",
        "tokens",
    ]
)
_WORDS = re.compile(r"[a-z0-9]+")
# An id of something secret is not secret, and is what an operator searches for.
_HARMLESS_LAST_WORDS = frozenset(["at", "bytes", "count", "file", "id", "ids", "s", "ms"])


def configure(service: str, version: str, level: str, *, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to one stream of JSON lines (stdout unless said otherwise).

    Every line has ts, level, service, version and event; what ``structlog.contextvars`` holds (``request_id``,
    ``event_id``) is added, and the id of the trace. Values under names that speak of secrets are replaced.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        _identify(service, version),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_formatter(shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)


def _formatter(shared: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            remove_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


def _identify(service: str, version: str) -> Processor:
    def add(_logger: Any, _method: str, line: EventDict) -> EventDict:
        line["service"], line["version"] = service, version
        return line

    return add


def _add_trace(_logger: Any, _method: str, line: EventDict) -> EventDict:
    trace_id = tracing.trace_id()
    if trace_id is not None:
        line.setdefault("trace_id", trace_id)
    return line


def remove_secrets(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """Replace values whose name speaks of a secret or an address, at any depth."""
    return _cleaned(line, 0)


def _cleaned(values: Mapping[str, Any], depth: int) -> MutableMapping[str, Any]:
    return {name: REMOVED if _is_secret(str(name)) else _cleaned_value(value, depth) for name, value in values.items()}


def _cleaned_value(value: Any, depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _cleaned(value, depth + 1)
    if isinstance(value, (list, tuple)):
        return [_cleaned_value(item, depth + 1) for item in value]
    return value


def _is_secret(name: str) -> bool:
    words = _WORDS.findall(name.lower())
    return bool(words) and words[-1] not in _HARMLESS_LAST_WORDS and not _SECRET_WORDS.isdisjoint(words)

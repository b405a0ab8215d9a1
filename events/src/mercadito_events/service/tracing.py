"""Traces: where the time of a request, an event or a mail went, across processes (W3C trace context, OTLP).

Without ``OTEL_EXPORTER_OTLP_ENDPOINT`` nothing of OpenTelemetry is loaded: a trace's id still passes through to log
lines and events, and a span is an object that does nothing. Whether a trace is recorded was decided where it began, at
the gateway; nothing begins one here.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from mercadito_events.service.settings import Reader

if TYPE_CHECKING:
    from mercadito_events.service.exporting import Recorder

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Kind = Literal["server", "internal", "producer", "consumer", "client"]
Value = str | int | float | bool

# Version 00, and neither id all zero.
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_recorder: "Recorder | None" = None


class Span(Protocol):
    """A part of the way, while it lasts."""

    @property
    def traceparent(self) -> str | None:
        """What whatever it causes is to name as its cause."""

    def note(self, **values: Value) -> None:
        """Add attributes; no secret, address or name of a person among them."""

    def end(self, problem: str = "") -> None:
        """End it, well or with a problem."""


class _Passed:
    """What is not recorded: only passes on where it came from."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def note(self, **values: Value) -> None:
        """Note nothing."""

    def end(self, problem: str = "") -> None:
        """Tell nothing."""


def endpoint(reader: Reader) -> str:
    """Return where spans go; empty: nowhere."""
    return reader.url(ENDPOINT, "", schemes=("http", "https"))


def start(service: str, version: str, env: Mapping[str, str]) -> None:
    """Have this process record spans, where the environment says where to; after it forked, not before.

    Raises:
        SettingsError: the address is none.

    """
    global _recorder  # noqa: PLW0603 - one process has one; it is set once, before anything is traced
    reader = Reader(env)
    where = endpoint(reader)
    reader.finish()
    if where:
        from mercadito_events.service.exporting import Recorder  # noqa: PLC0415 - 16 MB, for those who trace

        _recorder = Recorder(service, version, where)


def understood(traceparent: str | None) -> str | None:
    """Return a trace context that is one; what is broken counts as none."""
    return traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None


def current() -> str | None:
    """Return the trace context of what is being done here."""
    return _current.get()


def trace_id() -> str | None:
    """Return the id of the trace that this is part of."""
    traceparent = _current.get()
    return traceparent[3:35] if traceparent else None


def adopt(traceparent: str | None) -> None:
    """Do what follows here, until the next time, as part of that trace; None: of no trace."""
    _current.set(understood(traceparent))


def begin(name: str, kind: Kind, parent: str | None, *, at: datetime | None = None, **values: Value) -> Span:
    """Begin a span under ``parent``; whoever begins it ends it."""
    known = understood(parent)
    if _recorder is None or known is None or not _is_recorded(known):
        return _Passed(known)
    return _recorder.begin(name, kind, known, at=at, values=values)


@contextlib.contextmanager
def span(
    name: str, kind: Kind = "internal", parent: str | None = None, *, at: datetime | None = None, **values: Value
) -> Iterator[Span]:
    """Do something as a span under ``parent``, else under what is being done here; an exception is its problem."""
    begun = begin(name, kind, parent or _current.get(), at=at, **values)
    before = _current.set(begun.traceparent)
    try:
        yield begun
    except BaseException as error:
        begun.end(type(error).__name__)
        raise
    else:
        begun.end()
    finally:
        _current.reset(before)


def _is_recorded(traceparent: str) -> bool:
    return bool(int(traceparent[-2:], 16) & 1)

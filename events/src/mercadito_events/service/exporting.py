"""Recording spans with OpenTelemetry's SDK, and sending them by OTLP over HTTP; loaded by ``tracing.start`` alone.

Nobody waits for a collector: spans go through a queue with a bound, a thread sends them, and what it can't send in time
is dropped.
"""

import atexit
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from datetime import datetime

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from mercadito_events.service.tracing import Kind, Value

QUEUE_SPANS = 2_048
BATCH_SPANS = 512
SEND_EVERY_MS = 1_000
SEND_TIMEOUT_S = 5
# At the end what was recorded last is sent, or given up.
LAST_SEND_S = 2.0
LOG_EVERY_S = 60.0
_KINDS: dict[Kind, SpanKind] = {
    "server": SpanKind.SERVER,
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
}


class Recorder:
    """The spans of one process."""

    def __init__(self, service: str, version: str, endpoint: str) -> None:
        who = {"service.name": service, "service.version": version, "service.namespace": "mercadito"}
        who["service.instance.id"] = f"{socket.gethostname()}:{os.getpid()}"
        # Our own end, not the SDK's: that one waits for a collector that does not answer.
        self._provider = TracerProvider(
            sampler=ParentBased(ALWAYS_OFF), resource=Resource.create(dict(who)), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=SEND_TIMEOUT_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=QUEUE_SPANS,
                max_export_batch_size=BATCH_SPANS,
                schedule_delay_millis=SEND_EVERY_MS,
                export_timeout_millis=SEND_TIMEOUT_S * 1_000,
            )
        )
        self._tracer = self._provider.get_tracer("mercadito_events", version)
        _quieten()
        atexit.register(self._end)

    def begin(
        self, name: str, kind: Kind, parent: str, *, at: datetime | None, values: Mapping[str, Value]
    ) -> "_Recorded":
        """Begin a span."""
        _, trace_id, span_id, flags = parent.split("-")
        context = SpanContext(
            int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
        )
        begun = self._tracer.start_span(
            name,
            context=set_span_in_context(NonRecordingSpan(context)),
            kind=_KINDS[kind],
            attributes=dict(values),
            start_time=None if at is None else int(at.timestamp() * 1e9),
        )
        return _Recorded(begun)

    def _end(self) -> None:
        last = threading.Thread(target=self._provider.force_flush, daemon=True)
        last.start()
        last.join(LAST_SEND_S)


class _Recorded:
    def __init__(self, span: Span) -> None:
        self._span, context = span, span.get_span_context()
        self.traceparent: str | None = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def note(self, **values: Value) -> None:
        self._span.set_attributes(dict(values))

    def end(self, problem: str = "") -> None:
        if problem:
            self._span.set_status(Status(StatusCode.ERROR, problem))
        self._span.end()


class _NowAndThen(logging.Filter):
    """A collector that is away is told once a minute, not with each try."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or time.monotonic() < self._quiet_until:
            return False
        self._quiet_until = time.monotonic() + LOG_EVERY_S
        return True


def _quieten() -> None:
    """Filter what the libraries say; each logger that they write to needs it, since filters are not inherited."""
    once = _NowAndThen()
    for name in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal"):
        logging.getLogger(name).addFilter(once)
    logging.getLogger("urllib3").setLevel(logging.ERROR)

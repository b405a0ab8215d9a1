"""Traces: nothing without an address, the right parents with one, and nobody waits for who takes them."""

import io
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog
from mercadito_events.service import exporting, logs, tracing
from mercadito_events.service.settings import SettingsError
from mercadito_events.testing.ports import free_port
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RECORDED = f"00-{TRACE}-00f067aa0ba902b7-01"
NOT_RECORDED = f"00-{TRACE}-00f067aa0ba902b7-00"
ENOUGH_S = 10


@pytest.fixture(autouse=True)
def none_before_or_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tracing, "_recorder", None)
    tracing.adopt(None)
    yield
    tracing.adopt(None)


class Collector:
    """Takes what is sent, in protobuf."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        taken = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        taken.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, number: int) -> list[Span]:
        deadline = time.monotonic() + ENOUGH_S
        while len(self.spans) < number and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        assert len(self.spans) >= number
        return self.spans


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_without_an_address_nothing_of_it_is_loaded() -> None:
    program = (
        "import sys; from mercadito_events.service import tracing; tracing.start('x', '1', {})\n"
        f"with tracing.span('a', parent={RECORDED!r}) as span: assert span.traceparent == {RECORDED!r}\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry', 'google', 'requests'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_done_in_a_span_is_part_of_its_trace_and_afterwards_of_the_one_before() -> None:
    assert tracing.current() is tracing.trace_id() is None
    with tracing.span("a", parent=RECORDED) as span:
        assert span.traceparent == tracing.current() == RECORDED
        assert tracing.trace_id() == TRACE
        with tracing.span("b"):
            assert tracing.current() == RECORDED
    assert tracing.current() is None


@pytest.mark.parametrize(
    "broken",
    [
        *("", "x", RECORDED.upper(), f"{RECORDED}-more", RECORDED.replace("00-", "01-", 1)),
        *(f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", f"{RECORDED}\n"),
    ],
)
def test_a_broken_context_counts_as_none(broken: str) -> None:
    assert tracing.understood(broken) is None
    tracing.adopt(broken)
    assert tracing.trace_id() is None


def test_a_line_of_the_log_names_its_trace() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    try:
        logs.configure("x", "1", "info", stream=stream)
        structlog.get_logger("t").info("outside")
        tracing.adopt(RECORDED)
        structlog.get_logger("t").info("inside")
    finally:
        logging.getLogger().handlers[:] = before
        structlog.reset_defaults()
    outside, inside = (json.loads(line) for line in stream.getvalue().splitlines())
    assert "trace_id" not in outside
    assert inside["trace_id"] == TRACE


def _stumble() -> None:
    with tracing.span("outer", "server", RECORDED):
        with tracing.span("inner", "client", relay="primary") as inner:
            inner.note(tries=2)
        raise ValueError("no secret of this")


def test_spans_hang_on_their_parents_and_tell_what_went_wrong(collector: Collector) -> None:
    tracing.start("x", "1", {tracing.ENDPOINT: collector.address})
    with pytest.raises(ValueError, match="no secret"):
        _stumble()
    inner_span, outer_span = collector.wait_for(2)
    assert (outer_span.name, outer_span.kind) == ("outer", Span.SPAN_KIND_SERVER)
    assert outer_span.trace_id.hex() == inner_span.trace_id.hex() == TRACE
    assert outer_span.parent_span_id.hex() == RECORDED.split("-")[2]
    assert inner_span.parent_span_id == outer_span.span_id
    assert outer_span.status.message == "ValueError"
    assert {each.key for each in inner_span.attributes} == {"relay", "tries"}


def test_what_was_not_to_be_recorded_is_not_and_nothing_begins_a_trace(collector: Collector) -> None:
    tracing.start("x", "1", {tracing.ENDPOINT: collector.address})
    with tracing.span("not recorded", parent=NOT_RECORDED) as span:
        assert span.traceparent == NOT_RECORDED
    with tracing.span("of no trace") as span:
        assert span.traceparent is None
    with tracing.span("recorded", parent=RECORDED):
        pass
    assert [span.name for span in collector.wait_for(1)] == ["recorded"]


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector", "http://user:secret@collector"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=tracing.ENDPOINT):
        tracing.start("x", "1", {tracing.ENDPOINT: address})


def test_nobody_waits_for_a_collector_that_is_away_and_what_is_too_much_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracing.start("x", "1", {tracing.ENDPOINT: f"http://127.0.0.1:{free_port()}"})
    recorder = tracing._recorder
    assert recorder is not None
    began, number = time.monotonic(), 3 * exporting.QUEUE_SPANS
    for _ in range(number):
        with tracing.span("a", parent=RECORDED):
            pass
    assert (time.monotonic() - began) / number < 0.002
    (processor,) = recorder._provider._active_span_processor._span_processors
    assert len(processor._batch_processor._queue) <= exporting.QUEUE_SPANS  # type: ignore[attr-defined]
    began = time.monotonic()
    recorder._end()
    assert time.monotonic() - began < exporting.LAST_SEND_S + 1
    assert len([line for line in caplog.records if line.name.startswith(("opentelemetry", "urllib3"))]) <= 2

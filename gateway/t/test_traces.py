"""Spans of the gateway: one for each answer whose trace is recorded, sent to a collector for which nobody waits."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from client import eventually
from faulty import answer
from gateway import Gateway, free_port

MOST = 512
WORKERS = 2


class Collector:
    """Takes spans by OTLP over HTTP, in JSON."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        taken = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json")
                for resource in body["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        taken.extend(scope["spans"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def attributes(span: dict[str, Any]) -> dict[str, object]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


def test_an_answer_is_a_span_under_which_the_service_puts_its_own(
    make_gateway: Callable[..., Gateway], collector: Collector
) -> None:
    gateway = make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    got = gateway.fetch("/orders/1?secret=1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-00")
    (span,) = eventually(lambda: [each for each in collector.spans if each["traceId"] == got.headers["X-Request-Id"]])
    (heard,) = (request for request in gateway.orders.seen if request.path.startswith("/orders/1"))
    assert heard.all("traceparent") == [f"00-{span['traceId']}-{span['spanId']}-01"]
    assert (span["name"], span["kind"], span.get("parentSpanId")) == ("GET orders", 2, None)
    assert attributes(span) == {
        "http.request.method": "GET",
        "url.path": "/orders/1",
        "http.response.status_code": str(got.status),
    }
    assert 0 <= int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) < 10_000_000_000
    assert gateway.line_of(got)["trace_id"] == span["traceId"]


def test_a_request_that_is_held_and_sent_again_is_one_span(
    make_gateway: Callable[..., Gateway], collector: Collector
) -> None:
    gateway = make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    gateway.orders.script.append(answer(503, b"", "X-Gateway-Not-Processed: 1"))
    got = gateway.fetch("/x")
    (span,) = eventually(lambda: [each for each in collector.spans if each["traceId"] == got.headers["X-Request-Id"]])
    told = {request.all("traceparent")[0] for request in gateway.orders.seen if request.path == "/x"}
    assert told == {f"00-{span['traceId']}-{span['spanId']}-01"}
    assert "mercadito.held_ms" in attributes(span)


def test_a_share_of_the_requests_is_recorded(make_gateway: Callable[..., Gateway], collector: Collector) -> None:
    gateway = make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, TRACE_PERCENT="30")
    for _ in range(200):
        gateway.fetch("/x")
    flags = [request.all("traceparent")[0][-2:] for request in gateway.orders.seen if request.path == "/x"]
    assert 20 < flags.count("01") < 110
    eventually(lambda: len([each for each in collector.spans if each["name"] == "GET orders"]) == flags.count("01"))


@pytest.mark.parametrize("percent", ["0", "-1", "101"])
def test_none_is_recorded_or_the_share_is_refused(
    make_gateway: Callable[..., Gateway], collector: Collector, percent: str
) -> None:
    if percent != "0":
        with pytest.raises(AssertionError, match="TRACE_PERCENT"):
            make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, TRACE_PERCENT=percent)
        return
    gateway = make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, TRACE_PERCENT=percent)
    gateway.fetch("/x")
    assert gateway.orders.seen[-1].all("traceparent")[0].endswith("-00")


@pytest.mark.parametrize("where", ["https://collector:4318", "collector:4318", "http://collector", "http://a:99999"])
def test_a_collector_that_can_not_be_reached_so_is_refused(make_gateway: Callable[..., Gateway], where: str) -> None:
    with pytest.raises(AssertionError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=where)


def test_nobody_waits_for_a_collector_that_is_away_and_what_it_misses_is_counted(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    for _ in range(50):
        assert gateway.fetch("/x").status == 200
    eventually(lambda: gateway.metric("gateway_spans_dropped_total") >= 50)


def test_spans_that_wait_have_a_bound(make_gateway: Callable[..., Gateway]) -> None:
    # Takes connections, and never answers: each batch is given up after a second.
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=True) as silent:
        where = f"http://127.0.0.1:{silent.server_address[1]}"
        gateway = make_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=where)
        asked = 0
        while gateway.metric("gateway_spans_dropped_total") == 0 or asked <= MOST * WORKERS:
            assert gateway.fetch("/x").status == 200
            asked += 1
        eventually(lambda: gateway.metric("gateway_spans_dropped_total") >= asked)

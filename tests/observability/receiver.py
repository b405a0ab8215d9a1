"""A receiver of spans as a collector is one: OTLP over HTTP, in protobuf (the SDK's) and in JSON (the gateway's)."""

import base64
import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

_IDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True)
class Span:
    """One span, and whose it is."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    begins: int
    ends: int
    problem: str
    attributes: dict[str, str]


@dataclass
class Receiver:
    """Listens, and keeps every span."""

    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen from now on."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, self.headers["Content-Type"], body)
                self.send_response(200)
                self.send_header("Content-Type", self.headers["Content-Type"])
                self.end_headers()
                if "protobuf" in self.headers["Content-Type"]:
                    self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, content_type: str, body: bytes) -> None:
        """Keep the spans of a request, which must be one of the protocol's."""
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest()
        if content_type == "application/json":
            json_format.ParseDict(_with_ids_as_bytes(json.loads(body)), request)
        else:
            assert content_type == "application/x-protobuf"
            request.ParseFromString(body)
        for resource in request.resource_spans:
            who = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [_read(who["service.name"], span) for scope in resource.scope_spans for span in scope.spans]

    def of_trace(self, trace_id: str) -> list[Span]:
        """Return the spans of one trace, in order of their beginning."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.begins)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


def _read(service: str, span: WireSpan) -> Span:
    values = {
        each.key: str(getattr(each.value, each.value.WhichOneof("value") or "string_value")) for each in span.attributes
    }
    return Span(
        service=service,
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        begins=span.start_time_unix_nano,
        ends=span.end_time_unix_nano,
        problem=span.status.message,
        attributes=values,
    )


def _with_ids_as_bytes(value: Any) -> Any:
    """OTLP writes ids in JSON as hexadecimal digits, where JSON of protobuf has base64."""
    if isinstance(value, list):
        return [_with_ids_as_bytes(each) for each in value]
    if isinstance(value, dict):
        return {
            name: base64.b64encode(bytes.fromhex(each)).decode() if name in _IDS else _with_ids_as_bytes(each)
            for name, each in value.items()
        }
    return value

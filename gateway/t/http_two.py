"""An HTTP/2 client over TLS: one connection, one request at a time, and frames where they are the test."""

import socket
import ssl
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events
from client import Answer

TIMEOUT_S = 30


def trusting(certificate: str) -> ssl.SSLContext:
    """Return a context that trusts this one certificate and offers HTTP/2 first."""
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Http2:
    """A connection to 127.0.0.1; `ended` tells that the gateway closed it."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.state.initiate_connection()
        self.flush()
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.state.data_to_send())

    def open(self, path: str, method: str = "GET", *, ends: bool = True, **headers: str) -> int:
        """Send a request's head; return its stream."""
        stream = self.state.get_next_available_stream_id()
        port = self.socket.getpeername()[1]
        head = [(":method", method), (":path", path), (":scheme", "https"), (":authority", f"localhost:{port}")]
        given = [(name.lower().replace("_", "-"), value) for name, value in headers.items()]
        self.state.send_headers(stream, [*head, *given], end_stream=ends)
        self.flush()
        return stream

    def events(self) -> list[h2.events.Event]:
        """Return what the next bytes say; none when the connection has ended."""
        received = self.socket.recv(65536)
        self.ended = not received
        found = self.state.receive_data(received) if received else []
        for event in found:
            if isinstance(event, h2.events.DataReceived):
                self.state.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        self.flush()
        return found

    def answer(self, stream: int) -> Answer:
        status, headers, body = 0, {}, b""
        while not self.ended:
            for event in self.events():
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    pairs = [(str(name), str(value)) for name, value in event.headers]
                    status = int(dict(pairs)[":status"])
                    headers = {name.title(): value for name, value in pairs}
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    return Answer(status, headers, body)
        msg = "the connection ended before the answer did"
        raise ConnectionError(msg)

    def fetch(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        stream = self.open(path, method, ends=not body, **headers)
        for start in range(0, len(body), 16384):
            part = body[start : start + 16384]
            while self.state.local_flow_control_window(stream) < len(part):
                self.events()
            self.state.send_data(stream, part, end_stream=start + 16384 >= len(body))
            self.flush()
        return self.answer(stream)

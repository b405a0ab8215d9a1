"""A client of the gateway: plain requests on new connections, raw bytes where the request itself is the test."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

POLL_S = 0.01
PATIENCE_S = 30  # of a machine that does much else besides; only a failure takes as long


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def held_ms(self) -> int | None:
        value = self.headers.get("X-Held-Ms")
        return int(value) if value else None


def fetch(
    port: int, path: str, method: str = "GET", body: bytes | None = None, source: str = "127.0.0.1", **headers: str
) -> Answer:
    """Send one request from an address of this machine; header names are written with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40, source_address=(source, 0))
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def raw(port: int, request: bytes, *, read_until: bytes | None = None) -> bytes:
    """Send bytes as they are; return what comes back until the end of the connection or a mark."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        got = b""
        while (part := connection.recv(65536)) and not (read_until and read_until in got + part):
            got += part
        return got + part


def eventually(claim: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Return the first true value of `claim`, asked again and again until the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (value := claim()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(POLL_S)
    return value

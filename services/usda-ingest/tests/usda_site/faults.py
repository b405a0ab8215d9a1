"""Every way in which a server fails; each is a route of the site."""

import gzip
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from usda_site.site import Route, answer

ERROR_PAGE = b"<!doctype html><html><body><h1>Service temporarily unavailable</h1></body></html>"


def status(code: int, body: bytes = b"", **headers: str) -> Route:
    """Answer with a status; ``Retry_After="2"`` becomes the header ``Retry-After``."""
    return lambda handler: answer(handler, code, body, {name.replace("_", "-"): text for name, text in headers.items()})


def error_page() -> Route:
    """Say that all is well, and send a page of excuses."""
    return status(200, ERROR_PAGE, Content_Type="text/html")


def redirect(to: str) -> Route:
    """Send the client elsewhere."""
    return status(302, Location=to)


def first(fault: Route, then: Route, *, times: int = 1) -> Route:
    """Fail a few times, then answer."""
    count = itertools.count()
    return lambda handler: fault(handler) if next(count) < times else then(handler)


def cut(body: bytes, type_: str = "text/csv") -> Route:
    """Promise a whole body, send half of it, hang up."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        answer(handler, 200, body[: len(body) // 2], {"Content-Type": type_, "Content-Length": str(len(body))})

    return serve


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send until the client has enough."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, for longer than anybody waits."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def encoded(body: bytes, type_: str = "text/csv") -> Route:
    """Send the body compressed on its way (Content-Encoding), as servers do for who accepts it."""
    return status(200, gzip.compress(body), Content_Type=type_, Content_Encoding="gzip")


def bomb(megabytes: int) -> Route:
    """Send little that becomes much when unpacked."""
    return status(200, gzip.compress(bytes(megabytes * 1024 * 1024)), Content_Type="text/csv", Content_Encoding="gzip")


class Hang:
    """Take the question and never answer, until ``release``."""

    def __init__(self) -> None:
        self._released = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep the client waiting."""
        self._released.wait(60)
        handler.close_connection = True

    def release(self) -> None:
        """Let everyone go."""
        self._released.set()


def clocked(route: Route, times: list[float], clock: Callable[[], float] = time.monotonic) -> Route:
    """Note when each question came."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        times.append(clock())
        route(handler)

    return serve

"""What the demo's servers of pages have in common: bounded connections, one line of the log for each request."""

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket

READ_TIMEOUT_S = 10

log = logging.getLogger(__name__)


class BoundedServer(ThreadingHTTPServer):
    """A thread for each connection, so many at most; closing it waits for those under way."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, connections: int) -> None:
        """Serve `connections` at once; further ones wait in the listen queue."""
        self._free = threading.BoundedSemaphore(connections)
        super().__init__(address, handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class LoggedRequest(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that each connection ends with its answer and a stop has nothing idle to wait for."""

    timeout = READ_TIMEOUT_S
    server_version = "mercadito-demo"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """Write the access line as JSON."""
        log.info("request", extra={"fields": {"request": format % args}})

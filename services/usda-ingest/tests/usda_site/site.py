"""A loopback site that answers as the USDA's does: pages and files by path, every request noted."""

import gzip
import hashlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Route = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """Pages and files by path; every request is noted with its headers, and its query in ``questions``."""

    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def page(self, path: str, *links: str) -> None:
        """Serve a page with navigation and the links."""
        items = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
        html = f'<!doctype html><title>t</title><nav><a href="/about.pdf">About</a></nav><ul>{items}</ul>'
        self.routes[path] = lambda handler: answer(handler, 200, html.encode(), {"Content-Type": "text/html"})

    def file(self, path: str, body: bytes, *, validators: bool = True, type_: str = "text/csv") -> None:
        """Serve bytes, with ETag and 304 unless told otherwise."""
        self.routes[path] = lambda handler: content(handler, body, type_, validators=validators)

    def folder(self, folder: Path) -> None:
        """Serve every file of a folder, linked from the index."""
        names = sorted(path.name for path in folder.iterdir())
        self.page("/", *names)
        for name in names:
            self.file(f"/{name}", (folder / name).read_bytes())

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the headers of every request for the path."""
        return [headers for asked, headers in self.requests if asked == path]


def content(handler: BaseHTTPRequestHandler, body: bytes, type_: str, *, validators: bool = True) -> None:
    """Send bytes with their validators, or 304 to somebody who has them."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if validators and handler.headers.get("If-None-Match") == etag:
        answer(handler, 304, b"", {"ETag": etag})
        return
    headers = {"ETag": etag, "Last-Modified": "Thu, 08 Jan 2026 20:00:00 GMT"} if validators else {}
    answer(handler, 200, body, {"Content-Type": type_, **headers})


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


class SiteServer:
    """The running site; with a TLS context it speaks https."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.site = Site(scheme="http" if tls is None else "https")
        site = self.site

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                site.questions.append((path, query))
                site.requests.append((path, dict(self.headers)))
                route = site.routes.get(self.path) or site.routes.get(path)
                try:
                    if route is None:
                        answer(self, 404, b"not here", {})
                    else:
                        route(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.site.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def zipped(text: str) -> bytes:
    """Return the text as a gzip file."""
    return gzip.compress(text.encode(), mtime=0)

"""The HTTP server of the site: pages, files with validators, health."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from mercadito_demo.catalogue import READ_BYTES, ETags, Folder, PriceFile, files_under
from mercadito_demo.pages import ARCHIVE_PATH, FILES_PATH, ROBOTS, about_page, archive_page, index_page
from mercadito_demo.serving import BoundedServer, LoggedRequest

MAX_CONNECTIONS = 32  # further ones wait in the listen queue


class Site(BoundedServer):
    """A server of one folder's files; closing it waits for the downloads under way."""

    def __init__(self, address: tuple[str, int], folder: Folder) -> None:
        self.folder = folder
        self.etags = ETags()
        super().__init__(address, SiteRequest, connections=MAX_CONNECTIONS)

    def files(self) -> list[PriceFile]:
        """Return the files as they are now."""
        return files_under(self.folder())


class SiteRequest(LoggedRequest):
    """One request for a page or a file."""

    server: Site

    def do_GET(self) -> None:  # noqa: N802 - http.server finds methods by this name
        """Answer with a page or a file."""
        path = unquote(urlsplit(self.path).path)
        page = self._page(path)
        if page is not None:
            self._answer(*page)
        elif path.startswith(FILES_PATH):
            self._file(path.removeprefix(FILES_PATH))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - http.server finds methods by this name

    def _page(self, path: str) -> tuple[str, str] | None:
        pages: dict[str, tuple[str, Callable[[], str]]] = {
            "/": ("text/html; charset=utf-8", lambda: index_page(self.server.files())),
            ARCHIVE_PATH: ("text/html; charset=utf-8", lambda: archive_page(self.server.files())),
            "/about.html": ("text/html; charset=utf-8", about_page),
            "/robots.txt": ("text/plain", lambda: ROBOTS),
            "/healthz": ("text/plain", lambda: "ok"),
        }
        found = pages.get(path)
        return (found[0], found[1]()) if found else None

    def _answer(self, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _file(self, name: str) -> None:
        file = next((file for file in self.server.files() if file.name == name), None)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        etag = self.server.etags.of(file)
        self.send_response(HTTPStatus.NOT_MODIFIED if self._has(file, etag) else HTTPStatus.OK)
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", file.last_modified)
        if self._has(file, etag):
            self.end_headers()
            return
        self.send_header("Content-Type", file.content_type)
        self.send_header("Content-Length", str(file.size))
        self.send_header("Content-Disposition", "attachment")
        self.end_headers()
        if self.command != "HEAD":
            self._send(file)

    def _has(self, file: PriceFile, etag: str) -> bool:
        """Tell whether the client has this version already; a tag, where given, decides alone (RFC 9110 13.2.2)."""
        wanted = self.headers.get("If-None-Match")
        if wanted is not None:
            return wanted.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
        since = self.headers.get("If-Modified-Since")
        try:
            return since is not None and file.modified_ns // 10**9 <= parsedate_to_datetime(since).timestamp()
        except ValueError:
            return False

    def _send(self, file: PriceFile) -> None:
        """Send exactly the length that was announced, even if the file is growing."""
        left = file.size
        with file.path.open("rb") as source:
            while left and (block := source.read(min(READ_BYTES, left))):
                self.wfile.write(block)
                left -= len(block)

"""HEAD, ``Cache-Control`` and, for answers whose route gives none, an ETag from the body."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usda_ingest.api.etags import etag_of, is_known

READ_AGE_S = 1
"""As long as the gateway keeps hot reads; then a browser asks again, and is answered 304."""

PUBLIC = f"public, max-age={READ_AGE_S}"
PRIVATE = "no-store"
_READS = ("GET", "HEAD")
_IS_HEAD = "mercadito.is_head"


def is_head(scope: Scope) -> bool:
    """Say whether only the headers are wanted, although the request looks like a GET."""
    return bool(scope.get(_IS_HEAD))


class ConditionalReads:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; HEAD as GET, whose body is then left out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", _IS_HEAD: True}
        await self._app(scope, receive, answer.pass_on)


class _Answer:
    """An answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._is_read = scope["method"] in _READS
        self._is_head = scope["method"] == "HEAD"
        self._if_none_match = Headers(scope=scope).get("If-None-Match")
        self._held: Message | None = None
        self._body = b""

    async def pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish_held(self._held)
        else:
            await self._pass_body(message)

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        shown = self._is_read and message["status"] in (200, 304)
        headers.setdefault("Cache-Control", PUBLIC if shown else PRIVATE)
        if shown and "ETag" not in headers and headers.get("Content-Type") == "application/json":
            self._held = message
        else:
            await self._send(message)

    async def _finish_held(self, start: Message) -> None:
        """Give the answer, which is whole now, its ETag."""
        headers = MutableHeaders(raw=start["headers"])
        headers["ETag"] = current = etag_of(self._body)
        if is_known(self._if_none_match, current):
            start["status"], self._body = 304, b""
            del headers["Content-Length"], headers["Content-Type"]
        await self._send(start)
        await self._pass_body({"type": "http.response.body", "body": self._body})

    async def _pass_body(self, message: Message) -> None:
        if self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

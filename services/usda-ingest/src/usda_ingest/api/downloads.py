"""Rows as CSV, however many: fetched page by page, so that neither memory nor a connection depends on who reads.

Each page is a short transaction of its own. A client that stops reading holds no connection, and after a while its
download ends; only so many run at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from usda_ingest.api.conditional import is_head

MAX_ROWS = 100_000
PAGE_ROWS = 1_000
MAX_DOWNLOADS = 2
STALLED_AFTER_S = 30
"""For a page of rows to be taken by the client."""
MAX_DOWNLOAD_S = 600
RETRY_AFTER_S = 5
MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

_log = structlog.get_logger(__name__)


class Downloads:
    """The downloads under way in this process."""

    def __init__(self) -> None:
        self._running = 0

    def begin(self) -> bool:
        """Take a place, if one is free; whoever took it calls ``end`` once."""
        if self._running >= MAX_DOWNLOADS:
            return False
        self._running += 1
        return True

    def end(self) -> None:
        """Give the place back."""
        self._running -= 1


class Download(StreamingResponse):
    """An answer that comes page by page and gives its place back however it ends."""

    def __init__(self, pages: AsyncIterator[bytes], headers: Mapping[str, str], end: Callable[[], None]) -> None:
        super().__init__(pages, headers=headers, media_type=MEDIA_TYPE)
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, or give up on a client that does not read."""
        try:
            async with asyncio.timeout(MAX_DOWNLOAD_S):
                if is_head(scope):
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    await send({"type": "http.response.body", "body": b""})
                else:
                    await super().__call__(scope, receive, send)
        except TimeoutError:
            # The server closes the connection of an answer that was not finished, so that nobody takes it for whole.
            _log.warning("download_given_up", path=scope["path"])
        finally:
            self._end()

    async def stream_response(self, send: Send) -> None:
        """Send page by page, each within its time."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STALLED_AFTER_S):
                await send(message)

        await super().stream_response(send_in_time)

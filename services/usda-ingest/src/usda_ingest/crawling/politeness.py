"""How the spider behaves on other people's servers: where it may go, and how it waits before it tries again."""

import asyncio
import random
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response

BACKOFF_S = 1.0
MAX_BACKOFF_S = 30.0
# A server that asks for more patience than this gets it: the file waits for the next scheduled crawl.
MAX_RETRY_AFTER_S = 120.0


class HostRule:
    """Which addresses may be asked: listed hosts only, and never plain http once the index is https.

    An entry without a port stands for every port of that host.
    """

    def __init__(self, hosts: frozenset[str], *, https_only: bool) -> None:
        self._hosts, self._schemes = hosts, ("https",) if https_only else ("https", "http")

    def allows(self, url: str) -> bool:
        """Say whether the address may be asked."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return False
        return parts.scheme in self._schemes and (host in self._hosts or f"{host}:{port}" in self._hosts)


class HostGuard:
    """Downloader middleware: every request passes here, also the ones that a redirect made."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "HostGuard":
        """Return one; Scrapy calls this."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Let the request go, or drop it with a reason for the errback."""
        spider = self._crawler.spider
        if not spider.hosts.allows(request.url):  # type: ignore[union-attr]
            parts = urlsplit(request.url)
            raise IgnoreRequest(f"led to {parts.scheme}://{parts.netloc}, which is not in USDA_ALLOWED_HOSTS")
        spider.started(request)  # type: ignore[union-attr]


class PatientRetry(RetryMiddleware):
    """Scrapy's retries, after a pause: the server's ``Retry-After``, else exponential with jitter."""

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Wait and try again what the server may answer later."""
        if request.meta.get("dont_retry") or response.status not in self.retry_http_codes:
            return response
        asked = retry_after_s(response.headers.get("Retry-After"), time.time())
        if asked is not None and asked > MAX_RETRY_AFTER_S:
            return response
        again = self._retry(request, f"HTTP {response.status}")
        if again is None:
            return response
        await asyncio.sleep(asked if asked is not None else _pause_s(again))
        return again

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:  # type: ignore[override]
        """Wait and try again what the network lost."""
        if request.meta.get("dont_retry") or not isinstance(exception, self.exceptions_to_retry):
            return None
        again = self._retry(request, exception)
        if again is not None:
            await asyncio.sleep(_pause_s(again))
        return again


def retry_after_s(value: bytes | None, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or a date; None when it asks for nothing clear."""
    if not value:
        return None
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _pause_s(request: Request) -> float:
    base = min(MAX_BACKOFF_S, BACKOFF_S * 2.0 ** (request.meta["retry_times"] - 1))
    return random.uniform(base / 2, base)

"""How the spider behaves on other people's servers: where it may go, what it brings, how it waits to try again."""

import random
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response

from usda_ingest.sources.links import MAX_NAME_CHARS, MAX_URL_CHARS

if TYPE_CHECKING:
    from usda_ingest.crawling.spider import PriceSpider

BACKOFF_S = 1.0
MAX_BACKOFF_S = 30.0
# A server that asks for more patience than this gets it: the file waits for the next crawl.
MAX_RETRY_AFTER_S = 120.0
_ANSWERS = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)


class SourceEnded(IgnoreRequest):
    """The source has been given up for this crawl; what was still to be asked of it waits for the next."""


class HostRule:
    """Which addresses may be asked: listed hosts only, and never plain http where the source is https.

    An entry without a port stands for every port of that host.
    """

    def __init__(self, hosts: frozenset[str], *, https_only: bool) -> None:
        self._hosts, self._schemes = hosts, ("https",) if https_only else ("https", "http")

    def refuses(self, url: str) -> str | None:
        """Return why the address may not be asked; None: it may."""
        if len(url) > MAX_URL_CHARS:
            return f"an address of more than {MAX_URL_CHARS} characters"
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return "no address"
        if host not in self._hosts and f"{host}:{port}" not in self._hosts:
            return "its host is not in USDA_ALLOWED_HOSTS"
        return None if parts.scheme in self._schemes else f"{parts.scheme} is not followed from {self._schemes[0]}"


class HostGuard:
    """Downloader middleware: every request passes here, also the ones that a redirect or a retry made."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "HostGuard":
        """Return one; Scrapy calls this."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Let the request go with what its source sends there, or drop it with a reason for the errback."""
        spider: PriceSpider = self._crawler.spider  # type: ignore[assignment]
        progress = spider.progress[request.meta["source"]]
        if progress.failure is not None:
            raise SourceEnded(progress.failure)
        if reason := progress.rule.refuses(request.url):
            parts = urlsplit(request.url)
            raise IgnoreRequest(f"led to {parts.scheme}://{parts.netloc[:MAX_NAME_CHARS]}: {reason}")
        # A redirect takes headers along; the key is for the API's own address only.
        request.headers.pop("Authorization", None)
        for name, value in progress.source.headers(request.url).items():
            request.headers[name] = value
        spider.started(request)

    def process_response(self, request: Request, response: Response) -> Response:
        """End a source at an answer that makes further questions pointless, before the next one goes out."""
        spider: PriceSpider = self._crawler.spider  # type: ignore[assignment]
        ask = request.meta.get("ask")
        if ask is not None and response.status not in _ANSWERS:
            progress = spider.progress[request.meta["source"]]
            refusal = progress.source.refusal(ask, response.status)
            if refusal.ends_source:
                progress.end(f"{progress.source.name}: {refusal.reason}")
        return response


class PatientRetry(RetryMiddleware):
    """Scrapy's retries, after a pause of the whole host: as ``Retry-After`` asks, else exponential with jitter."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "PatientRetry":
        """Return one; Scrapy calls this."""
        middleware = super().from_crawler(crawler)
        # Told before the host's next request can go out.
        crawler.signals.connect(middleware.downloaded, signals.response_downloaded)
        return middleware

    def downloaded(self, response: Response, request: Request) -> None:
        """Leave the host alone for a while when it can't answer now."""
        if response.status in self.retry_http_codes:
            asked = _asked_s(response)
            if asked is None:
                self._pause(request, _back_off_s(request))
            elif asked <= MAX_RETRY_AFTER_S:
                self._pause(request, asked)

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Try again what the server may answer later."""
        asked = _asked_s(response)
        if response.status not in self.retry_http_codes or (asked is not None and asked > MAX_RETRY_AFTER_S):
            return response
        return self._retry(request, f"HTTP {response.status}") or response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:  # type: ignore[override]
        """Try again what the network lost."""
        if not isinstance(exception, self.exceptions_to_retry):
            return None
        self._pause(request, _back_off_s(request))
        return self._retry(request, exception)

    def _pause(self, request: Request, seconds: float) -> None:
        downloader = self.crawler.engine.downloader
        slot = downloader.slots.get(request.meta.get(downloader.DOWNLOAD_SLOT, ""))
        if slot is not None:
            # The host's next request goes out its usual delay after the last one was "seen".
            slot.lastseen = max(slot.lastseen, time.monotonic() + seconds)


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


def _asked_s(response: Response) -> float | None:
    return retry_after_s(response.headers.get("Retry-After"), time.time())


def _back_off_s(request: Request) -> float:
    base = min(MAX_BACKOFF_S, BACKOFF_S * 2.0 ** request.meta.get("retry_times", 0))
    return random.uniform(base / 2, base)

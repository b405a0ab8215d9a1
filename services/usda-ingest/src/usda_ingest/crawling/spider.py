"""The spider: opens the index, follows its CSV links and, one level deep, the pages it links to."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import scrapy
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import HtmlResponse, Request, Response
from scrapy.linkextractors import LinkExtractor
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from usda_ingest.crawling.politeness import HostRule
from usda_ingest.storing.files import Validators
from usda_ingest.storing.intake import Intake

MAX_PAGES = 50
MAX_FILES = 500
MAX_URL_CHARS = 2_000
MAX_REASON_CHARS = 300
MAX_NAME_CHARS = 255
_NOT_MODIFIED = 304


class PriceSpider(scrapy.Spider):
    """Hands every CSV to the intake as it arrives; storing happens one after the other in a thread of its own."""

    name = "usda"

    def __init__(self, *, index_url: str, intake: Intake, hosts: HostRule, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.failure: str | None = None
        self.hosts = hosts
        self._index_url, self._intake = index_url, intake
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._files: set[str] = set()
        self._started: dict[str, float] = {}
        self._links = LinkExtractor(deny_extensions=[], tags=("a", "area"), attrs=("href",), strip=True)

    async def start(self) -> AsyncIterator[Request]:
        """Begin with the index; without it there is no crawl."""
        yield Request(self._index_url, callback=self.parse_index, errback=self.index_failed)

    async def parse_index(self, response: Response) -> AsyncIterator[Request]:
        """Follow the CSV links and the pages of the index."""
        if not isinstance(response, HtmlResponse):
            self.failure = "the index is not an HTML page"
            return
        await self._in_thread(self._intake.page)
        links = list(self._targets(response))
        for url in links:
            if _is_csv(url):
                async for request in self._file(url):
                    yield request
        pages = [url for url in links if not _is_csv(url) and _is_page(url) and self.hosts.allows(url)]
        for url in pages[:MAX_PAGES]:
            yield Request(url, callback=self.parse_page, errback=self.page_failed, priority=-1)
        if len(pages) > MAX_PAGES:
            await self._problem(response.url, f"only {MAX_PAGES} of {len(pages)} linked pages were opened")
        if not self._files and not pages:
            self.failure = "the index has no links to CSV files or pages"

    async def parse_page(self, response: Response) -> AsyncIterator[Request]:
        """Follow the CSV links of a page that the index links to, and no further."""
        if not isinstance(response, HtmlResponse):
            return
        await self._in_thread(self._intake.page)
        for url in self._targets(response):
            if _is_csv(url):
                async for request in self._file(url):
                    yield request

    async def parse_file(self, response: Response) -> None:
        """Hand the answer to the intake."""
        url = response.request.meta["link"] if response.request else response.url
        took = self._took(url)
        if response.status == _NOT_MODIFIED:
            await self._in_thread(lambda: self._intake.not_modified(url, download_ms=took))
            return
        validators = Validators(_header(response, "ETag"), _header(response, "Last-Modified"))
        name, body = _file_name(url), response.body
        await self._in_thread(lambda: self._intake.take(url, name, body, validators, download_ms=took))

    async def index_failed(self, failure: Failure) -> None:
        """Note why there is nothing to crawl."""
        self.failure = f"the index could not be read: {_reason(failure)}"

    async def page_failed(self, failure: Failure) -> None:
        """Note a page that could not be read."""
        await self._problem(failure.request.url, _reason(failure))  # type: ignore[attr-defined]

    async def file_failed(self, failure: Failure) -> None:
        """Note a file that could not be fetched."""
        url = failure.request.meta["link"]  # type: ignore[attr-defined]
        reason, refused, took = _reason(failure), _is_refusal(failure), self._took(url)
        name = _file_name(url)
        await self._in_thread(lambda: self._intake.not_fetched(url, name, reason, refused=refused, download_ms=took))

    async def _file(self, url: str) -> AsyncIterator[Request]:
        if url in self._files:
            return
        if not self.hosts.allows(url):
            await self._problem(url, "the host is not in USDA_ALLOWED_HOSTS")
            return
        if len(self._files) >= MAX_FILES:
            await self._problem(url, f"not fetched: a crawl takes at most {MAX_FILES} files")
            return
        self._files.add(url)
        known = await self._in_thread(lambda: self._intake.known(url))
        given = known.validators if known else Validators()
        headers = {"If-None-Match": given.etag, "If-Modified-Since": given.last_modified}
        yield Request(
            url,
            callback=self.parse_file,
            errback=self.file_failed,
            headers={name: value for name, value in headers.items() if value},
            # links are told apart above; a redirect to another link's file must not vanish as a duplicate
            dont_filter=True,
            meta={"link": url, "handle_httpstatus_list": [_NOT_MODIFIED]},
        )

    def _targets(self, response: HtmlResponse) -> Iterator[str]:
        for link in self._links.extract_links(response):
            url = link.url.split("#")[0]
            if urlsplit(url).scheme in ("http", "https") and len(url) <= MAX_URL_CHARS:
                yield url

    def started(self, request: Request) -> None:
        """Note when a link's first request goes out, for the crawl's timings."""
        self._started.setdefault(request.meta.get("link", request.url), time.monotonic())

    def _took(self, url: str) -> int:
        return int((time.monotonic() - self._started.get(url, time.monotonic())) * 1000)

    async def _problem(self, url: str, reason: str) -> None:
        await self._in_thread(lambda: self._intake.problem(url, reason))

    async def _in_thread(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


def _is_csv(url: str) -> bool:
    """Say whether a link promises a CSV: by its path, or by the old portal's ``format=text``."""
    parts = urlsplit(url)
    path = unquote(parts.path).lower()
    wanted = {value.lower() for value in parse_qs(parts.query).get("format", [])}
    return path.endswith((".csv", ".csv.gz")) or not wanted.isdisjoint({"csv", "text"})


def _is_page(url: str) -> bool:
    path = urlsplit(url).path
    last = path.rsplit("/", 1)[-1]
    return "." not in last or bool(re.search(r"\.(html?|php|aspx?|jsp)$", last, re.IGNORECASE))


def _file_name(url: str) -> str:
    return (unquote(urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1] or "index")[-MAX_NAME_CHARS:]


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1")[:MAX_URL_CHARS] if value else None


def _is_refusal(failure: Failure) -> bool:
    error = failure.value
    return isinstance(error, (DownloadCancelledError, IgnoreRequest)) and not isinstance(error, HttpError)


def _reason(failure: Failure) -> str:
    error = failure.value
    if isinstance(error, HttpError):
        return f"HTTP {error.response.status}"
    return (str(error).strip() or type(error).__name__)[:MAX_REASON_CHARS]

"""The spider: asks what the sources want asked, and hands every file to the intake as it arrives."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import scrapy
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from usda_ingest.crawling.politeness import HostRule, SourceEnded
from usda_ingest.crawling.robots import RobotsUnread
from usda_ingest.crawling.source_progress import SourceProgress
from usda_ingest.reading.values import storable
from usda_ingest.sources.links import MAX_URL_CHARS
from usda_ingest.sources.source import TOO_MANY, Ask, Found, Kind, Source
from usda_ingest.sources.visit import Visit
from usda_ingest.storing.files import NO_PRICES, STORED, Known, Validators
from usda_ingest.storing.intake import Intake

MAX_REASON_CHARS = 300
# Pages are read for links in the loop that also keeps the clock; the largest that we know has 200 kB.
MAX_PAGE_BYTES = 8 * 1024 * 1024
T = TypeVar("T")


class PriceSpider(scrapy.Spider):
    """Visits the given sources; what it finds is stored one after the other in a thread of its own."""

    name = "usda"

    def __init__(
        self, *, sources: Iterable[Source], visit: Visit, intake: Intake, hosts: frozenset[str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.progress = {
            source.name: SourceProgress(source, HostRule(hosts, https_only=source.is_https_only)) for source in sources
        }
        self._visit, self._intake = visit, intake
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._started: dict[str, float] = {}

    @property
    def failure(self) -> str | None:
        """Why not everything was seen, of all sources together; None when everything was."""
        return "; ".join(progress.failure for progress in self.progress.values() if progress.failure) or None

    @property
    def not_fetched(self) -> int:
        """How many answers could not be had for a reason that may pass."""
        return sum(progress.not_fetched for progress in self.progress.values())

    async def start(self) -> AsyncIterator[Request]:
        """Begin with what each source wants asked first."""
        for progress in self.progress.values():
            await self._in_thread(partial(self._intake.source_started, progress.source.name))
            asks = tuple(progress.source.begin(self._visit))
            progress.entries = sum(ask.is_entry for ask in asks)
            progress.open += 1
            async with self._answering(progress):
                async for request in self._requests(progress, asks, progress.source.name):
                    yield request

    async def parse_page(self, response: Response) -> AsyncIterator[Request]:
        """Ask what a page leads to."""
        progress, ask = self._about(response.request)
        async with self._answering(progress):
            async for request in self._read_page(progress, ask, response):
                yield request

    async def parse_file(self, response: Response) -> AsyncIterator[Request]:
        """Hand the bytes to the intake, and ask what is still missing."""
        progress, ask = self._about(response.request)
        async with self._answering(progress):
            async for request in self._take(progress, ask, response):
                yield request

    async def failed(self, failure: Failure) -> None:
        """Note what could not be had, and why."""
        progress, ask = self._about(failure.request)  # type: ignore[attr-defined]
        async with self._answering(progress):
            await self._failed(progress, ask, failure)

    def started(self, request: Request) -> None:
        """Note when a link's first request goes out, for the crawl's timings."""
        if "ask" in request.meta:
            self._started.setdefault(request.meta["ask"].url, time.monotonic())

    async def _read_page(self, progress: SourceProgress, ask: Ask, response: Response) -> AsyncIterator[Request]:
        if response.status != HTTPStatus.OK:
            await self._refused(progress, ask, response.status)
            return
        progress.answered()
        found: Found = progress.source.read_page(ask, response, self._visit)
        if found.problem is None:
            await self._in_thread(partial(self._intake.page, source=progress.source.name))
        elif ask.is_entry:
            await self._entry_lost(progress, ask, found.problem)
        else:
            await self._problem(progress, ask.url, found.problem)
        async for request in self._requests(progress, found.asks, ask.url):
            yield request

    async def _take(self, progress: SourceProgress, ask: Ask, response: Response) -> AsyncIterator[Request]:
        if response.status not in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            await self._refused(progress, ask, response.status)
            return
        progress.answered()
        source, took = progress.source.name, self._took(ask.url)
        if response.status == HTTPStatus.NOT_MODIFIED:
            await self._in_thread(partial(self._intake.not_modified, ask.url, source=source, download_ms=took))
            return
        judgement = await self._in_thread(partial(progress.source.judge, ask, response.body))
        if judgement.take:
            validators = Validators(_header(response, "ETag"), _header(response, "Last-Modified"))
            take = partial(self._intake.take, ask.url, ask.name, response.body, validators)
            await self._in_thread(partial(take, source=source, download_ms=took))
        else:
            await self._in_thread(partial(self._intake.nothing, source=source, download_ms=took))
        if judgement.problem:
            await self._problem(progress, ask.url, judgement.problem)
        async for request in self._requests(progress, judgement.asks, ask.url):
            yield request

    async def _failed(self, progress: SourceProgress, ask: Ask, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, HttpError):
            await self._refused(progress, ask, error.response.status)
        elif not isinstance(error, SourceEnded):
            reason = (str(error).strip() or type(error).__name__)[:MAX_REASON_CHARS]
            passes = isinstance(error, RobotsUnread)
            is_refusal = isinstance(error, (DownloadCancelledError, IgnoreRequest)) and not passes
            if not is_refusal:
                progress.server_failed(reason)
            await self._lost(progress, ask, reason, refused=is_refusal)

    async def _refused(self, progress: SourceProgress, ask: Ask, status: int) -> None:
        refusal = progress.source.refusal(ask, status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (HTTPStatus.ACCEPTED, TOO_MANY):
            progress.server_failed(refusal.reason)
        else:
            progress.answered()
        await self._lost(progress, ask, refusal.reason, refused=False)

    async def _lost(self, progress: SourceProgress, ask: Ask, reason: str, *, refused: bool) -> None:
        if ask.kind is Kind.FILE:
            note = partial(self._intake.not_fetched, ask.url, ask.name, reason, refused=refused)
            await self._in_thread(partial(note, source=progress.source.name, download_ms=self._took(ask.url)))
        elif ask.is_entry:
            await self._entry_lost(progress, ask, f"the {progress.source.name} could not be read: {reason}")
        else:
            await self._problem(progress, ask.url, reason)

    async def _entry_lost(self, progress: SourceProgress, ask: Ask, reason: str) -> None:
        if not progress.entry_lost(reason):
            await self._problem(progress, ask.url, reason)

    async def _requests(self, progress: SourceProgress, asks: Iterable[Ask], url: str) -> AsyncIterator[Request]:
        """Yield a request for each question that is new, allowed, within bounds and not answered yet."""
        wanted, left_out = [], 0
        for ask in asks:
            if ask.url in progress.asked:
                continue
            if reason := progress.rule.refuses(ask.url):
                # Pages link to all the world; a file elsewhere is one that somebody will miss.
                if ask.kind is Kind.FILE:
                    await self._problem(progress, ask.url[:MAX_URL_CHARS], f"not asked: {reason}")
            elif not progress.has_room(ask):
                left_out += 1
            else:
                progress.asked.add(ask.url)
                wanted.append(ask)
        if left_out:
            await self._problem(progress, url, f"{left_out} links were left out: {progress.bounds}")
        if files := sum(ask.kind is Kind.FILE for ask in wanted):
            await self._in_thread(partial(self._intake.planned, files, source=progress.source.name))
        for ask in wanted:
            request = await self._request(progress, ask)
            if request is not None:
                progress.open += 1
                yield request

    async def _request(self, progress: SourceProgress, ask: Ask) -> Request | None:
        meta = {"source": progress.source.name, "ask": ask}
        if ask.kind is Kind.PAGE:
            # Files first: who reads pages to their end before may meet the deadline with nothing stored.
            return Request(
                ask.url,
                callback=self.parse_page,
                errback=self.failed,
                dont_filter=True,
                meta={**meta, "download_maxsize": min(MAX_PAGE_BYTES, self.settings.getint("DOWNLOAD_MAXSIZE"))},
                priority=0 if ask.is_entry else -1,
            )
        known = await self._in_thread(partial(self._intake.known, ask.url))
        if known is not None and self._is_taken(ask, known):
            again = partial(self._intake.not_modified, ask.url, source=progress.source.name)
            await self._in_thread(partial(again, download_ms=0))
            return None
        return Request(
            ask.url,
            callback=self.parse_file,
            errback=self.failed,
            headers={} if known is None or self._visit.again else _conditions(known.validators),
            # links are told apart above; a redirect to another link's file must not vanish as a duplicate
            dont_filter=True,
            meta={**meta, "handle_httpstatus_list": [HTTPStatus.NOT_MODIFIED]},
        )

    def _is_taken(self, ask: Ask, known: Known) -> bool:
        """Say whether what is stored needs no second look in this visit."""
        since = self._visit.taken_since
        is_taken = since is not None and known.last_seen_at >= since
        is_same = ask.is_versioned and not _conditions(known.validators) and not self._visit.again
        return known.state in (STORED, NO_PRICES) and (is_taken or is_same)

    @asynccontextmanager
    async def _answering(self, progress: SourceProgress) -> AsyncIterator[None]:
        """Close the source after its last question, when what came of that has been asked too."""
        try:
            yield
        except Exception as error:
            progress.broke = f"internal error: {type(error).__name__}"
            raise
        finally:
            progress.open -= 1
            if not progress.open:
                progress.ended()
                finished = partial(self._intake.source_finished, progress.source.name, progress.failure)
                await self._in_thread(finished)

    def _about(self, request: Request | None) -> tuple[SourceProgress, Ask]:
        assert request is not None  # noqa: S101 - Scrapy's answers always have one
        return self.progress[request.meta["source"]], request.meta["ask"]

    def _took(self, url: str) -> int:
        now = time.monotonic()
        return int((now - self._started.pop(url, now)) * 1000)

    async def _problem(self, progress: SourceProgress, url: str, reason: str) -> None:
        await self._in_thread(partial(self._intake.problem, url, reason, source=progress.source.name))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


def _conditions(validators: Validators) -> dict[str, str]:
    given = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in given.items() if value}


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return storable(value.decode("latin-1")[:MAX_URL_CHARS]) if value else None

"""What goes over the line for each source: requests, tries again, bytes; written down while the crawl runs."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import structlog
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.storing import crawl_sources
from usda_ingest.storing.crawl_sources import Counts

WRITTEN_EVERY_S = 1.0
_log = structlog.get_logger(__name__)


class Traffic:
    """Counts in the crawl's loop, and writes the counts once a second; a kill loses no more than that."""

    def __init__(self, engine: Engine, crawl_id: UUID) -> None:
        self._engine, self._crawl_id = engine, crawl_id
        self._counts: defaultdict[str, Counts] = defaultdict(Counts)
        self._writing: asyncio.Task[None] | None = None

    def watch(self, crawler: Crawler) -> None:
        """Count what this crawler does; call it before it starts."""
        crawler.signals.connect(self._opened, signals.spider_opened)
        crawler.signals.connect(self._closed, signals.spider_closed)
        crawler.signals.connect(self._asked, signals.request_reached_downloader)
        crawler.signals.connect(self._received, signals.bytes_received)

    def write(self) -> None:
        """Write down what has not been written yet."""
        self._write(self._taken())

    def _opened(self) -> None:
        self._writing = asyncio.get_running_loop().create_task(self._write_on())

    def _closed(self) -> None:
        if self._writing is not None:
            self._writing.cancel()

    def _asked(self, request: Request) -> None:
        source = request.meta.get("source")
        if source is not None:
            counts = self._counts[source]
            again = 1 if request.meta.get("retry_times") else 0
            self._counts[source] = replace(counts, requests=counts.requests + 1, retries=counts.retries + again)

    def _received(self, data: bytes, request: Request) -> None:
        source = request.meta.get("source")
        if source is not None:
            counts = self._counts[source]
            self._counts[source] = replace(counts, bytes=counts.bytes + len(data))

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(WRITTEN_EVERY_S)
            counts = self._taken()
            if counts:
                # Shielded: what has been taken is written, also when the crawl closes meanwhile.
                await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._write, counts))

    def _taken(self) -> Mapping[str, Counts]:
        counts, self._counts = self._counts, defaultdict(Counts)
        return counts

    def _write(self, counts: Mapping[str, Counts]) -> None:
        try:
            with self._engine.begin() as connection:
                for source, added in counts.items():
                    crawl_sources.add(connection, self._crawl_id, source, added)
        except SQLAlchemyError as error:  # the intake meets it too, and ends the crawl
            _log.warning("traffic_not_written", problem=type(error).__name__)

"""robots.txt, obeyed as RFC 9309 wants it: a host whose rules can't be read is left alone."""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request
from scrapy.http.request import NO_CALLBACK
from scrapy.robotstxt import ProtegoRobotParser

# RFC 9309 asks for at least 500 KiB; whoever serves more has something else there.
MAX_BYTES = 512 * 1024
PRIORITY = 1_000
# A host that wants more than this between requests would not be done in a day.
MAX_CRAWL_DELAY_S = 30.0
_OWN = "is_robots_txt"


class RobotsUnread(IgnoreRequest):
    """A host's rules could not be read now, so nothing may be asked there; another day they may."""


class Robots:
    """Downloader middleware in place of Scrapy's, which takes an unreadable robots.txt for permission."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._agent = crawler, crawler.settings["USER_AGENT"]
        self._rules: dict[str, asyncio.Task[ProtegoRobotParser | str | None]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "Robots":
        """Return one; Scrapy calls this."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Drop what the host's robots.txt forbids, and everything where it can't be read."""
        if request.meta.get(_OWN):
            return
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            self._rules[origin] = asyncio.ensure_future(self._read(origin, request.meta["source"]))
        rules = await asyncio.shield(self._rules[origin])
        if isinstance(rules, str):
            raise RobotsUnread(f"robots.txt could not be read ({rules}), so nothing may be asked there")
        if rules is not None and not rules.allowed(request.url, self._agent):
            raise IgnoreRequest("forbidden by robots.txt")

    async def _read(self, origin: str, source: str) -> ProtegoRobotParser | str | None:
        """Return the rules, None where there are none, or why they can't be read."""
        meta: dict[str, Any] = {_OWN: True, "source": source, "download_maxsize": MAX_BYTES}
        request = Request(f"{origin}/robots.txt", priority=PRIORITY, meta=meta, callback=NO_CALLBACK)
        try:
            response = await self._crawler.engine.download_async(request)
        except Exception as error:  # noqa: BLE001 - whatever it was, there are no rules to go by
            return str(error).strip() or type(error).__name__
        if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"HTTP {response.status}"
        if response.status != HTTPStatus.OK:
            return None
        rules = ProtegoRobotParser(response.body, None)
        self._slow_down(urlsplit(origin).hostname or "", rules)
        return rules

    def _slow_down(self, host: str, rules: ProtegoRobotParser) -> None:
        downloader = self._crawler.engine.downloader
        slot, wanted = downloader.slots.get(host), rules.rp.crawl_delay(self._agent)
        if wanted and slot is not None:
            slot.delay = max(slot.delay, min(float(wanted), MAX_CRAWL_DELAY_S))
            # Scrapy forgets a slot that rests for a minute, as while a large file is stored.
            downloader.per_slot_settings[host] = {"delay": slot.delay}

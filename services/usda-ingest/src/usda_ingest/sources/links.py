"""Links of a page, and what an address promises."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor

from usda_ingest.reading.values import storable

MAX_URL_CHARS = 2_000
MAX_NAME_CHARS = 255
_extractor = LinkExtractor(deny_extensions=[], tags=("a", "area"), attrs=("href",), strip=True)


def links(page: HtmlResponse) -> Iterator[str]:
    """Yield the page's web addresses, each once, without fragments."""
    seen = set()
    for link in _extractor.extract_links(page):
        url = link.url.split("#")[0]
        if urlsplit(url).scheme in ("http", "https") and len(url) <= MAX_URL_CHARS and url not in seen:
            seen.add(url)
            yield url


def is_csv(url: str) -> bool:
    """Say whether a link promises a CSV: by its path, or by the old portal's ``format=text``."""
    parts = urlsplit(url)
    path = unquote(parts.path).lower()
    wanted = {value.lower() for value in parse_qs(parts.query).get("format", [])}
    return path.endswith((".csv", ".csv.gz")) or not wanted.isdisjoint({"csv", "text"})


def is_page(url: str) -> bool:
    """Say whether a link may lead to a page."""
    last = urlsplit(url).path.rsplit("/", 1)[-1]
    return "." not in last or bool(re.search(r"\.(html?|php|aspx?|jsp)$", last, re.IGNORECASE))


def is_versioned(url: str) -> bool:
    """Say whether the address names a version of the file (``?v=22396``), as the ERS's do."""
    return bool(parse_qs(urlsplit(url).query).get("v"))


def file_name(url: str) -> str:
    """Return the last part of the path."""
    return storable((unquote(urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1] or "index")[-MAX_NAME_CHARS:])

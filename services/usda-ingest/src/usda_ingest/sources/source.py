"""What every kind of source does: say what to ask, read the pages that lead to files, judge the answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from scrapy.http import Response

from usda_ingest.sources.visit import Visit
from usda_ingest.sources.window import Window


class Kind(Enum):
    """What an answer is for."""

    PAGE = "page"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to a server.

    Attributes:
        url: the address; for a file it is also the link by which its contents are known from crawl to crawl.
        kind: a page that leads further, or a file for the intake.
        name: the file's name, for people.
        window: the days asked for, where the source asks for days.
        is_entry: one of the pages where the source begins; if none of them can be read, the source has failed.
        is_versioned: the address changes with the content, so what is stored needs no second look.
        topic: what a page is about, in the source's own terms.

    """

    url: str
    kind: Kind
    name: str = ""
    window: Window | None = None
    is_entry: bool = False
    is_versioned: bool = False
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a page leads to; or the problem, if it isn't what it should be."""

    asks: tuple[Ask, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do with a file's bytes: take them (or not), and ask more."""

    take: bool
    asks: tuple[Ask, ...] = ()
    problem: str | None = None


TAKE = Judgement(take=True)
# A whole, clear answer that there is nothing: no file, and no problem.
NOTHING = Judgement(take=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a status other than success means; ``ends_source``: nothing else need be asked in this crawl."""

    reason: str
    ends_source: bool = False


class Source(Protocol):
    """One configured place. It keeps no state: all it needs to know is in the question it asked."""

    name: str
    max_pages: int
    max_files: int
    is_https_only: bool

    def begin(self, visit: Visit) -> Iterator[Ask]:
        """Yield what to ask first."""

    def read_page(self, ask: Ask, page: Response, visit: Visit) -> Found:
        """Return what a page leads to."""

    def judge(self, ask: Ask, body: bytes) -> Judgement:
        """Say whether the bytes are a file for the intake."""

    def refusal(self, ask: Ask, status: int) -> Refusal:
        """Say what a status other than success means here."""

    def headers(self, url: str) -> Mapping[str, str]:
        """Return what a request to this address must bring; asked again after every redirect."""


TOO_MANY = 429


def plain_refusal(status: int) -> Refusal:
    """Say what a status means where it has no meaning of the source's own."""
    if status == TOO_MANY:
        return Refusal("HTTP 429: too many requests; the rest waits for the next crawl", ends_source=True)
    return Refusal(f"HTTP {status}")

"""Which sources are configured; every problem is named with the others of the service."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mercadito_events.service.settings import Reader

INDEX, PORTAL, MARS = "index", "portal", "mars"
MAX_URL_CHARS = 500
MAX_REPORTS = 50
# Los Angeles: fruit, vegetables, onions and potatoes, nuts.
DEFAULT_REPORTS = "2306,2307,2308,2309"
# The old portal's code for Los Angeles; "all" asks for every market.
DEFAULT_MARKET = "HC"
ALL_MARKETS = "all"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A configured source, as the service and its pages may know it; the key is for the MARS API alone.

    Attributes:
        name: index, portal or mars.
        url: where it begins; holds no secret.
        expected: the reports that it brings every market day.
        can_backfill: whether it can be asked for days.
        market: the old portal's code of the market, or ``all``.
        key: the user name for the MARS API.

    """

    name: str
    url: str
    expected: tuple[str, ...] = ()
    can_backfill: bool = False
    market: str = ""
    key: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        """What kind of place it is; there is one of each, so its name says it."""
        return self.name

    @property
    def is_https(self) -> bool:
        """Whether plain http is never followed from here."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """Host and port as the address names them: with the port only where it is given."""
        try:
            port = urlsplit(self.url).port
        except ValueError:
            return ""
        return self.hostname if port is None else f"{self.hostname}:{port}"

    @property
    def hostname(self) -> str:
        """The host alone."""
        try:
            return (urlsplit(self.url).hostname or "").lower()
        except ValueError:
            return ""


def read_sources(reader: Reader) -> tuple[SourceSettings, ...]:
    """Read the configured sources; at least one must be."""
    found = [source for source in (_index(reader), _portal(reader), _mars(reader)) if source is not None]
    if not found:
        reader.problem("None of USDA_INDEX_URL, USDA_PORTAL_URL and USDA_MARS_URL is set; give at least one.")
    return tuple(found)


def _index(reader: Reader) -> SourceSettings | None:
    url = _url(reader, "USDA_INDEX_URL")
    return SourceSettings(INDEX, url) if url else None


def _portal(reader: Reader) -> SourceSettings | None:
    url = _url(reader, "USDA_PORTAL_URL")
    market = reader.text("USDA_PORTAL_MARKET", DEFAULT_MARKET)
    if not re.fullmatch(r"[A-Z]{2}|all", market):
        reader.problem(f"USDA_PORTAL_MARKET is {market!r}; it must be the portal's two capitals (HC), or all.")
    return SourceSettings(PORTAL, url.rstrip("/") + "/", can_backfill=True, market=market) if url else None


def _mars(reader: Reader) -> SourceSettings | None:
    url = _url(reader, "USDA_MARS_URL").rstrip("/")
    listed = (part.strip() for part in reader.text("USDA_MARS_REPORTS", DEFAULT_REPORTS).split(","))
    reports = tuple(dict.fromkeys(report for report in listed if report))
    if not reports or len(reports) > MAX_REPORTS or not all(re.fullmatch(r"[0-9]{1,6}", text) for text in reports):
        reader.problem(f"USDA_MARS_REPORTS must be 1 to {MAX_REPORTS} slug ids (numbers) with commas between.")
    if not url:
        if reader.text("USDA_MARS_KEY", "") or reader.text("USDA_MARS_KEY_FILE", ""):
            reader.problem("USDA_MARS_KEY is given, but USDA_MARS_URL is not.")
        return None
    key = reader.secret("USDA_MARS_KEY")
    # It becomes the user name of Basic authentication, where a colon ends the name.
    if key and not re.fullmatch(r"[!-9;-~]{1,200}", key):
        reader.problem("USDA_MARS_KEY must be one word of at most 200 printable ASCII characters without a colon.")
    return SourceSettings(MARS, url, expected=reports, can_backfill=True, key=key)


def _url(reader: Reader, name: str) -> str:
    """Return the address as written (relative links depend on a trailing slash), or an empty text."""
    if not reader.text(name, ""):
        return ""
    schemes = ("https",) if reader.environment() == "production" else ("https", "http")
    reader.url(name, schemes=schemes)
    url = reader.text(name)
    if len(url) > MAX_URL_CHARS:
        reader.problem(f"{name} has more than {MAX_URL_CHARS} characters.")
    return url

"""The USDA's old portal: navigation page, commodity, report page, and its export link, asked for days."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from scrapy.http import HtmlResponse, Response

from usda_ingest.sources.exports import is_empty
from usda_ingest.sources.links import MAX_URL_CHARS
from usda_ingest.sources.source import NOTHING, TAKE, Ask, Found, Judgement, Kind, Refusal, plain_refusal
from usda_ingest.sources.source_settings import ALL_MARKETS, SourceSettings
from usda_ingest.sources.visit import Visit
from usda_ingest.sources.window import Window

# The portal's own classes of produce; ornamentals are flowers.
CLASSES = ("FRUITS", "VEGETABLES", "ONPO", "HERBS", "NUTS")
# The portal takes about a year at once.
MAX_WINDOW_DAYS = 366
MAX_PAGES = 2_000
MAX_FILES = 2_000
# What a report page may export, best first: Excel (an HTML table) and XML have the comments, text has not.
FORMATS = {"excel": "xls", "xml": "xml", "text": "csv"}
_COMMODITIES = 'div.rptNavList a[href*="fv-nav-report?"]::attr(href)'
_NO_DATA = re.compile(r"\bno\s+(data|records?|reports?|results?)\b", re.IGNORECASE)


class Portal:
    """The terminal market reports of one market (or all), commodity by commodity."""

    max_pages = MAX_PAGES
    max_files = MAX_FILES

    def __init__(self, settings: SourceSettings) -> None:
        self.name, self.is_https_only = settings.name, settings.is_https
        self._url = settings.url
        self._market = "" if settings.market == ALL_MARKETS else settings.market

    def begin(self, visit: Visit) -> Iterator[Ask]:  # noqa: ARG002 - the navigation is the same for all days
        """Yield the navigation page of each class."""
        for name in CLASSES:
            url = urljoin(self._url, f"fv-nav-byCom?navClass={name}&navType=byComm")
            yield Ask(url, Kind.PAGE, is_entry=True, topic=name)

    def read_page(self, ask: Ask, page: Response, visit: Visit) -> Found:
        """Return a navigation page's commodities, or a report page's export."""
        if not isinstance(page, HtmlResponse):
            return Found(problem=f"the page about {ask.topic} is not an HTML page")
        if ask.is_entry:
            return self._commodities(ask, page, visit)
        return _export(ask, page)

    def judge(self, ask: Ask, body: bytes) -> Judgement:  # noqa: ARG002 - the same for all
        """Take an export unless it clearly holds no rows."""
        return NOTHING if is_empty(body) else TAKE

    def refusal(self, ask: Ask, status: int) -> Refusal:  # noqa: ARG002 - the same for all
        """Say what a status means."""
        return plain_refusal(status)

    def headers(self, url: str) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """Return nothing: the portal is public."""
        return {}

    def _commodities(self, ask: Ask, page: HtmlResponse, visit: Visit) -> Found:
        found = [page.urljoin(href.strip()) for href in page.css(_COMMODITIES).getall()]
        usable = [url for url in dict.fromkeys(found) if len(url) <= MAX_URL_CHARS and _commodity(url)]
        if not usable:
            return Found(problem=f"the navigation page of {ask.topic} has no links to reports")
        windows = list(visit.window.pieces(MAX_WINDOW_DAYS))
        return Found(tuple(self._report(url, window) for window in windows for url in usable))

    def _report(self, url: str, window: Window) -> Ask:
        fields = {
            **_query(url),
            "locAbr": self._market,
            "locName": "",
            "type": "termPrice",
            "repType": "termPriceDaily",
            "repDate": _day(window.first_on),
            "endDate": _day(window.last_on),
        }
        address = _with_query(url.replace("/fv-nav-report?", "/fv-report-top-filters?"), fields)
        topic = f"{self._market or ALL_MARKETS}_{_commodity(url)}"
        return Ask(address, Kind.PAGE, window=window, topic=topic)


def _export(ask: Ask, page: HtmlResponse) -> Found:
    exports = {_query(href).get("format", "").lower(): href for href in page.css('a[href^="?"]::attr(href)').getall()}
    for kind, suffix in FORMATS.items():
        href = exports.get(kind)
        if href and ask.window:
            name = f"mnp_{ask.topic}_{ask.window.first_on}_{ask.window.last_on}.{suffix}"
            return Found((Ask(_address(page, href, ask.window), Kind.FILE, name=name, window=ask.window),))
    if _NO_DATA.search(" ".join(page.css("body ::text").getall())):
        return Found()
    return Found(problem="the report page has no export link")


def _address(page: HtmlResponse, href: str, window: Window) -> str:
    """Return where the export is: the page's own address with the link's query, about the days asked for."""
    days = {"repDate": _day(window.first_on), "endDate": _day(window.last_on)}
    return _with_query(urljoin(page.url, href), {**_query(href), **days})


def _commodity(url: str) -> str:
    """Return the commodity's short code, as far as it is fit for a file's name."""
    return re.sub(r"[^A-Za-z0-9-]", "", _query(url).get("commAbr", ""))[:40]


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _with_query(url: str, fields: Mapping[str, str]) -> str:
    return urlunsplit(urlsplit(url)._replace(query=urlencode(fields), fragment=""))


def _day(day: date) -> str:
    return f"{day:%m/%d/%Y}"

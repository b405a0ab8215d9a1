"""The MARS API of My Market News: a report's rows by days, with a key; answers have at most so many rows."""

import base64
import io
from collections.abc import Iterator, Mapping
from datetime import date
from http import HTTPStatus
from urllib.parse import urlsplit

from scrapy.http import Response

from usda_ingest.errors import FileRefused
from usda_ingest.reading.containers.json_sections import Section, counted, sections_of
from usda_ingest.sources.source import NOTHING, TAKE, Ask, Found, Judgement, Kind, Refusal, plain_refusal
from usda_ingest.sources.source_settings import SourceSettings
from usda_ingest.sources.visit import Visit
from usda_ingest.sources.window import Window

# The API takes up to 180 days; a month of one report stays far under 100,000 rows, and mostly under 5,000.
MAX_WINDOW_DAYS = 31
MAX_FILES = 2_000
# Without a key the API gives 5,000 rows, with one 100,000; where an answer doesn't tell its limit, a full one is cut.
ROW_CAPS = (5_000, 100_000)


class MarsApi:
    """The configured reports, window by window; a cut answer is asked again in halves."""

    max_pages = 0
    max_files = MAX_FILES

    def __init__(self, settings: SourceSettings) -> None:
        self.name, self.is_https_only = settings.name, settings.is_https
        self._base, self._reports = f"{settings.url}/reports/", settings.expected
        # The key as the user name, no password.
        self._authorization = "Basic " + base64.b64encode(f"{settings.key}:".encode()).decode()

    def begin(self, visit: Visit) -> Iterator[Ask]:
        """Yield each report's windows, then its corrections."""
        for window in visit.window.pieces(MAX_WINDOW_DAYS):
            for report in self._reports:
                yield self._ask(report, window)
        if visit.corrections_since is not None:
            for report in self._reports:
                yield self._corrections(report, visit.corrections_since)

    def read_page(self, ask: Ask, page: Response, visit: Visit) -> Found:  # noqa: ARG002 - there are no pages
        """Return nothing: no page is ever asked for."""
        return Found()

    def judge(self, ask: Ask, body: bytes) -> Judgement:
        """Take a whole answer with rows; ask a cut one again in halves; an answer without rows is nothing."""
        try:
            sections = sections_of(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8"))
        except (FileRefused, UnicodeDecodeError):
            return TAKE  # the reader says what is wrong with it, and the bytes are kept
        if not all(section.has_results for section in sections):
            return TAKE
        if any(_is_cut(section) for section in sections):
            halves = ask.window.halves() if ask.window else None
            if halves is None:
                return Judgement(take=True, problem="the API left out rows, and less can't be asked for")
            return Judgement(take=False, asks=tuple(self._ask(ask.topic, half) for half in halves))
        return TAKE if any(section.rows for section in sections) else NOTHING

    def refusal(self, ask: Ask, status: int) -> Refusal:
        """Say what the API's own codes mean."""
        meaning = _MEANINGS.get(status)
        if meaning is None:
            return plain_refusal(status)
        reason, ends_source = meaning
        return Refusal(f"HTTP {status}: {reason.format(report=ask.topic)}", ends_source)

    def headers(self, url: str) -> Mapping[str, str]:
        """Return the key, for the API's own addresses only."""
        return {"Authorization": self._authorization} if self._is_own(url) else {}

    def _is_own(self, url: str) -> bool:
        own, other = urlsplit(self._base), urlsplit(url)
        return (own.scheme, own.netloc) == (other.scheme, other.netloc) and other.path.startswith(own.path)

    def _ask(self, report: str, window: Window) -> Ask:
        # Days only: a commodity's name in `q` ("Peppers, Bell Type") would be taken for a choice of two.
        days = f"{window.first_on:%m/%d/%Y}:{window.last_on:%m/%d/%Y}"
        url = f"{self._base}{report}?q=report_begin_date={days}&allSections=true"
        name = f"{report}_{window.first_on}_{window.last_on}.json"
        return Ask(url, Kind.FILE, name=name, window=window, topic=report)

    def _corrections(self, report: str, since: date) -> Ask:
        url = f"{self._base}{report}?correctionsOnly=true&anyChangesSince={since:%Y/%m/%d}&allSections=true"
        return Ask(url, Kind.FILE, name=f"{report}_corrections_since_{since}.json", topic=report)


def _is_cut(section: Section) -> bool:
    total, allowed = (counted(section.stats.get(name)) or 0 for name in ("totalRows", "userAllowedRows"))
    return section.rows < total or (section.rows >= allowed if allowed else section.rows in ROW_CAPS)


# What to say, and whether it makes further questions pointless.
_MEANINGS: dict[int, tuple[str, bool]] = {
    HTTPStatus.ACCEPTED: ("the API is still preparing its answer; the next crawl asks again", False),
    HTTPStatus.BAD_REQUEST: ("the API does not understand the question about report {report}", False),
    HTTPStatus.UNAUTHORIZED: ("the API refuses the key; check USDA_MARS_KEY", True),
    HTTPStatus.FORBIDDEN: ("the API wants a key that it knows; check USDA_MARS_KEY", True),
    HTTPStatus.NOT_FOUND: ("the API knows no report {report}; check USDA_MARS_REPORTS", False),
    HTTPStatus.TOO_MANY_REQUESTS: ("the API has been asked too often; the rest waits for the next crawl", True),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("the API failed at report {report}; the next crawl asks again", False),
}

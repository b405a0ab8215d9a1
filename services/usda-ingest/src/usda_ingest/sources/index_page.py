"""A plain page of CSV links, and the pages it links to, one level deep: the ERS's, and the demo's."""

from collections.abc import Iterator, Mapping

from scrapy.http import HtmlResponse, Response

from usda_ingest.sources.links import file_name, is_csv, is_page, is_versioned, links
from usda_ingest.sources.source import TAKE, Ask, Found, Judgement, Kind, Refusal, plain_refusal
from usda_ingest.sources.source_settings import SourceSettings
from usda_ingest.sources.visit import Visit

MAX_PAGES = 50
MAX_FILES = 500


class IndexPage:
    """All CSV files that an index page leads to; it can't be asked for days."""

    max_pages = MAX_PAGES
    max_files = MAX_FILES

    def __init__(self, settings: SourceSettings) -> None:
        self.name, self.is_https_only = settings.name, settings.is_https
        self._url = settings.url

    def begin(self, visit: Visit) -> Iterator[Ask]:  # noqa: ARG002 - an index has all its files every day
        """Yield the index."""
        yield Ask(self._url, Kind.PAGE, is_entry=True)

    def read_page(self, ask: Ask, page: Response, visit: Visit) -> Found:  # noqa: ARG002 - as above
        """Return a page's CSV links; of the index also the pages it links to, which are read after the files."""
        if not isinstance(page, HtmlResponse):
            return Found(problem="the index is not an HTML page") if ask.is_entry else Found()
        found = list(links(page))
        files = [_file(url) for url in found if is_csv(url)]
        if not ask.is_entry:
            return Found(tuple(files))
        pages = [Ask(url, Kind.PAGE) for url in found if not is_csv(url) and is_page(url)]
        if not files and not pages:
            return Found(problem="the index has no links to CSV files or pages")
        return Found((*files, *pages))

    def judge(self, ask: Ask, body: bytes) -> Judgement:  # noqa: ARG002 - the reader knows better
        """Take whatever a CSV link serves."""
        return TAKE

    def refusal(self, ask: Ask, status: int) -> Refusal:  # noqa: ARG002 - the same for all
        """Say what a status means."""
        return plain_refusal(status)

    def headers(self, url: str) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """Return nothing: the pages are public."""
        return {}


def _file(url: str) -> Ask:
    return Ask(url, Kind.FILE, name=file_name(url), is_versioned=is_versioned(url))

"""From the settings of a source to the source itself; only where it crawls, because this brings Scrapy with it."""

from collections.abc import Callable, Iterable, Mapping

from usda_ingest.sources.index_page import IndexPage
from usda_ingest.sources.mars import MarsApi
from usda_ingest.sources.portal import Portal
from usda_ingest.sources.source import Source
from usda_ingest.sources.source_settings import INDEX, MARS, PORTAL, SourceSettings

_KINDS: Mapping[str, Callable[[SourceSettings], Source]] = {INDEX: IndexPage, PORTAL: Portal, MARS: MarsApi}


def build(settings: Iterable[SourceSettings]) -> tuple[Source, ...]:
    """Return the sources in the given order."""
    return tuple(_KINDS[source.kind](source) for source in settings)

"""At the end of a usual crawl: which of the awaited reports have stayed away too long."""

import uuid
from collections.abc import Iterator

from sqlalchemy import Connection

from usda_ingest.crawling.plan import Plan
from usda_ingest.crawling.schedule import LATE_DAYS, days_late
from usda_ingest.market_calendar import market_today
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.source_settings import SourceSettings
from usda_ingest.storing import crawl_sources, missing_reports, visits


def note_missing(connection: Connection, crawl_id: uuid.UUID, settings: CrawlSettings, plan: Plan) -> None:
    """Note each report that is three market days late as a problem of this crawl; the first time, tell it too.

    A source that could not be read says so itself, and may have the report.
    """
    failed = crawl_sources.failed(connection, crawl_id)
    news = []
    for source in settings.chosen(plan.sources):
        if source.name not in failed:
            news += [note for note in _notes(connection, crawl_id, settings, source) if note is not None]
    missing_reports.tell(connection, crawl_id, news)


def _notes(
    connection: Connection, crawl_id: uuid.UUID, settings: CrawlSettings, source: SourceSettings
) -> Iterator[str | None]:
    now = visits.clock(connection)
    newest = visits.newest_on(connection, source.expected, market_today(settings.today, now))
    for report in source.expected:
        last_on = newest.get(report)
        if last_on is not None:
            missing_reports.came(connection, report, last_on)
        late = days_late(last_on, settings.today, now)
        if late >= LATE_DAYS:
            yield missing_reports.note(connection, crawl_id, report, last_on, late, source=source.name)

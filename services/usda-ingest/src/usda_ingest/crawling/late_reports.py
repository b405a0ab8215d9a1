"""At the end of a usual crawl: which of the awaited reports have stayed away too long."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import Connection

from usda_ingest.crawling.plan import Plan
from usda_ingest.crawling.schedule import LATE_DAYS, days_late, market_today
from usda_ingest.settings import CrawlSettings
from usda_ingest.storing import missing_reports, visits


def note_missing(connection: Connection, crawl_id: uuid.UUID, settings: CrawlSettings, plan: Plan) -> None:
    """Note each report that is three market days late as a problem of this crawl; the first time, tell it too."""
    now = datetime.now(UTC)
    today = market_today(settings.today, now)
    for source in settings.chosen(plan.sources):
        newest = visits.newest_on(connection, source.expected, today)
        for report in source.expected:
            last_on = newest.get(report)
            if last_on is not None:
                missing_reports.came(connection, report, last_on)
            late = days_late(last_on, settings.today, now)
            if late >= LATE_DAYS:
                missing_reports.note(connection, crawl_id, report, last_on, late, source=source.name)

"""What a crawl asks for, given what earlier ones have taken in: nothing twice, and nothing too early."""

import uuid
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from usda_ingest.crawling.plan import Plan
from usda_ingest.market_calendar import market_today
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.visit import DAILY_WINDOW_DAYS, Visit
from usda_ingest.sources.window import Window
from usda_ingest.storing import visits

# A correction may be listed a little before the crawl in which we were first able to see it.
CORRECTIONS_OVERLAP = timedelta(days=2)


def visit_for(connection: Connection, crawl_id: uuid.UUID, settings: CrawlSettings, plan: Plan) -> Visit:
    """Return what the crawl asks of its sources; call it once the crawl has begun."""
    sources, now = settings.source_names(plan.sources), visits.clock(connection)
    cut_short = visits.cut_short_since(connection, crawl_id, source=sources, window=plan.window)
    if plan.window is None:
        is_fresh = cut_short is not None and now - cut_short < visits.RESUMED_WITHIN
        window = Visit.daily(market_today(settings.today, now)).window
        corrections = _corrections_since(connection, settings, plan)
        return Visit(window, corrections, cut_short if is_fresh and not plan.again else None, plan.again)
    if plan.again:
        return Visit(plan.window, again=True)
    settled = settled_at(plan.window)
    return Visit(plan.window, taken_since=settled if settled <= now else cut_short)


def settled_at(window: Window) -> datetime:
    """Return the moment from which the window's answers will hardly change; what was taken after it stands."""
    return datetime.combine(window.last_on + timedelta(days=DAILY_WINDOW_DAYS + 1), time(), UTC)


def _corrections_since(connection: Connection, settings: CrawlSettings, plan: Plan) -> date | None:
    starts = [visits.begun_at(connection, source.name) for source in settings.chosen(plan.sources) if source.expected]
    known = [start for start in starts if start is not None]
    return (min(known) - CORRECTIONS_OVERLAP).date() if known else None

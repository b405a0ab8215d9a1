"""``/api/v1/prices/schedule``: when the next crawl is due, and which reports are awaited."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Engine

from usda_ingest import market_calendar
from usda_ingest.api import crawl_answers, crawl_queries
from usda_ingest.crawling.outlook import Outlook, Timetable


def routes(engine: Engine, timetable: Timetable) -> APIRouter:
    """Return the route; it answers from the timetable that also starts the crawls."""
    router = APIRouter(prefix="/api/v1/prices", tags=["crawls"])

    @router.get("/schedule", response_model=crawl_answers.Schedule)
    def schedule() -> dict[str, Any]:
        """Return when the next crawl comes by itself, and how late each awaited report is."""
        outlook = timetable.look()
        with engine.connect() as connection:
            markets = crawl_queries.markets(connection, timetable.schedule.reports())
        return _schedule(timetable, outlook, markets)

    return router


def _schedule(timetable: Timetable, outlook: Outlook, markets: dict[str, str]) -> dict[str, Any]:
    plan, now = timetable.schedule, outlook.now
    today, expected = plan.today(now), plan.reports()
    latest = [outlook.newest_on.get(report) for report in expected]
    latest_on = timetable.latest_on(outlook)
    is_quiet = outlook.is_running or not timetable.settings.is_scheduled
    return {
        "is_on": timetable.settings.is_scheduled,
        "is_running": outlook.is_running,
        "next_due_at": None if is_quiet else timetable.next_at(outlook),
        "today": today,
        "is_report_day": market_calendar.is_market_day(today),
        "holiday": market_calendar.holiday(today),
        "holiday_es": market_calendar.holiday_es(today),
        "expected_on": plan.expected_on(now),
        "latest_on": latest_on,
        "business_days_late": timetable.days_late(outlook),
        "awaited": list(outlook.awaited),
        "reports": [
            {
                "report_id": report,
                "market": markets.get(report),
                "latest_on": day,
                "business_days_late": plan.days_late(day, now),
            }
            for report, day in zip(expected, latest, strict=True)
        ],
        "sources": [
            {
                "name": source.name,
                "kind": source.kind,
                "can_backfill": source.can_backfill,
                "next_due_at": None if is_quiet else timetable.visit_at(outlook, source.name),
            }
            for source in timetable.settings.crawl.sources
        ],
    }

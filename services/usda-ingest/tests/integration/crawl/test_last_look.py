"""The last look of a market day: what was corrected on the day itself comes in; if nothing was, it is a few 304."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from outcome import last_crawl
from usda_ingest import market_calendar
from usda_ingest.crawling.outlook import Timetable
from usda_ingest.crawling.plan import Plan
from usda_ingest.crawling.resuming import visit_for
from usda_ingest.settings import CrawlSettings
from usda_ingest.storing import visits
from usda_site.mars import MarsSite
from usda_site.site import Site

THURSDAY = date(2099, 1, 8)
API = "/services/v1.2/reports"
Settings = Callable[..., dict[str, str]]


def at(hour: int, minute: int = 0, day: date = THURSDAY) -> datetime:
    return market_calendar.at(day, time(hour, minute))


@pytest.fixture
def due_at(
    db: Any, api: MarsSite, timetable_of: Callable[..., Timetable], monkeypatch: pytest.MonkeyPatch
) -> Callable[[datetime], datetime]:
    """Tells when the source is due, asked at that moment by the market's clock; the service began before the first."""
    timetable = timetable_of(
        db.engine, USDA_INDEX_URL="", USDA_MARS_URL=api.url, USDA_MARS_KEY="x", USDA_MARS_REPORTS="2306,2307"
    )

    def ask(now: datetime) -> datetime:
        monkeypatch.setattr(visits, "clock", lambda _connection: now)
        return timetable.look().due["mars"]

    ask(at(9))
    return ask


@pytest.fixture
def visit(crawl: Any, db: Any, of_mars: Settings) -> Callable[[datetime], dict[str, Any]]:
    """Crawls, and dates the crawl as if it had been at that moment."""

    def run(moment: datetime) -> dict[str, Any]:
        crawl.run(**of_mars())
        with db.engine.begin() as connection:
            newest = "crawl_id = (SELECT crawl_id FROM crawls ORDER BY requested_at DESC LIMIT 1)"
            connection.exec_driver_sql(f"UPDATE crawl_sources SET finished_at = %s WHERE {newest}", (moment,))
            connection.exec_driver_sql(f"UPDATE crawls SET started_at = %s WHERE {newest}", (moment,))
        return last_crawl(db)

    return run


def conditions(site: Site) -> list[str | None]:
    """Return on which condition each report of the week was asked for last."""
    asked = {
        path: headers.get("If-None-Match")
        for (path, query), (_, headers) in zip(site.questions, site.requests, strict=True)
        if query.startswith("q=")
    }
    return [asked[f"{API}/{slug}"] for slug in ("2306", "2307")]


def test_once_the_reports_are_in_there_is_one_more_visit_that_costs_nothing(
    *, site: Site, api: MarsSite, due_at: Callable[[datetime], datetime], visit: Callable[[datetime], dict[str, Any]]
) -> None:
    for slug in ("2306", "2307"):
        api.report(slug, {"day": "01/08/2099"})
    visit(at(12, 30))
    assert due_at(at(12, 31)) == at(18)
    again = visit(at(18))
    assert all(conditions(site))
    assert (again["files_unchanged"], again["files_stored"], again["problems"]) == (2, 0, 0)
    assert due_at(at(18, 1)) == at(9, day=THURSDAY + timedelta(days=1))


def test_a_correction_of_the_same_day_is_stored_and_told_on_that_day(
    *, api: MarsSite, db: Any, visit: Callable[[datetime], dict[str, Any]]
) -> None:
    for slug in ("2306", "2307"):
        api.report(slug, {"day": "01/08/2099"})
    visit(at(12, 30))
    api.report("2306", {"day": "01/08/2099", "high_price": 36.0})
    found = visit(at(18))
    assert (found["rows_changed"], found["files_unchanged"]) == (1, 1)
    (corrected,) = db.events("usda.price.recorded.v1")[-1]["quotes"]
    assert corrected["high"] == "36.00"


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-01-08T23:59:00-08:00", "2026-01-02..2026-01-08"),  # when London has long had the 9th
        ("2026-01-09T00:00:00-08:00", "2026-01-03..2026-01-09"),
    ],
)
def test_all_visits_of_a_day_ask_for_the_same_week_by_the_markets_clock(
    *, now: str, week: str, db: Any, crawl: Any, of_mars: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "clock", lambda _connection: datetime.fromisoformat(now).astimezone(UTC))
    settings = CrawlSettings.from_env(crawl.environment(**of_mars(USDA_TODAY="")))
    with db.engine.connect() as connection:
        assert str(visit_for(connection, uuid.uuid4(), settings, Plan()).window) == week

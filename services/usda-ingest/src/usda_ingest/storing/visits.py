"""What earlier crawls have seen, as the schedule and the next crawl need to know it."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from usda_ingest.sources.window import Window
from usda_ingest.storing import crawls

# How far back a report's newest day is looked for.
LOOKBACK = timedelta(days=60)
# A usual visit that was cut short is taken up again for so long; then its first answers are old.
RESUMED_WITHIN = timedelta(minutes=15)

_VISITED = text("""
    SELECT s.source, max(s.finished_at) AS at FROM crawl_sources s JOIN crawls c USING (crawl_id)
    WHERE s.state = 'finished' AND c.window_from IS NULL AND c.cause <> 'replay' GROUP BY s.source
""")
_BEGUN = text("""
    SELECT max(c.started_at) FROM crawl_sources s JOIN crawls c USING (crawl_id)
    WHERE s.source = :source AND s.state = 'finished' AND c.window_from IS NULL AND c.cause <> 'replay'
""")
# From the newest day down: for a report that comes every day the first row is the one.
_NEWEST = text("""
    SELECT quoted_on FROM quotes WHERE report_id = :report AND quoted_on BETWEEN :since AND :today
    ORDER BY quoted_on DESC LIMIT 1
""")
_NEWEST_OF_ALL = text("SELECT max(quoted_on) FROM quotes WHERE quoted_on <= :today")
_SAME_PLAN = text("""
    SELECT state, reason, started_at FROM crawls
    WHERE crawl_id <> :crawl_id AND source = :source AND started_at IS NOT NULL AND cause <> 'replay'
      AND window_from IS NOT DISTINCT FROM :first_on AND window_to IS NOT DISTINCT FROM :last_on
    ORDER BY requested_at DESC, crawl_id DESC
""")
_ENDED_JUST_NOW = text("""
    SELECT EXISTS (
        SELECT FROM crawls WHERE finished_at > clock_timestamp() - make_interval(secs => :seconds)
    )
""")
_WINDOW_DONE = text("""
    SELECT EXISTS (
        SELECT FROM crawls WHERE source = :source AND window_from = :first_on AND window_to = :last_on
        AND state = 'finished' AND started_at >= :since
    )
""")


def clock(connection: Connection) -> datetime:
    """Return the database's time, by which every visit is dated."""
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def visited_at(connection: Connection) -> dict[str, datetime]:
    """Return when each source was last visited whole, whoever asked for it."""
    return {row.source: row.at for row in connection.execute(_VISITED)}


def begun_at(connection: Connection, source: str) -> datetime | None:
    """Return the start of the last crawl that visited the source whole."""
    begun: datetime | None = connection.scalar(_BEGUN, {"source": source})
    return begun


def newest_on(connection: Connection, reports: Iterable[str], today: date) -> dict[str, date]:
    """Return the newest stored day of each report, not after ``today``; without those that have none of late."""
    days = {"since": today - LOOKBACK, "today": today}
    found = ((report, connection.scalar(_NEWEST, {"report": report, **days})) for report in reports)
    return {report: day for report, day in found if day is not None}


def newest_of_all(connection: Connection, today: date) -> date | None:
    """Return the newest day of any report, not after ``today``."""
    newest: date | None = connection.scalar(_NEWEST_OF_ALL, {"today": today})
    return newest


def is_quiet(connection: Connection, seconds: float) -> bool:
    """Say whether nobody crawls, and the last crawl ended at least so long ago."""
    values = {"seconds": seconds}
    return not crawls.is_running(connection) and not connection.scalar(_ENDED_JUST_NOW, values)


def cut_short_since(connection: Connection, crawl_id: UUID, *, source: str, window: Window | None) -> datetime | None:
    """Return since when crawls with this plan have been at work without one that came to its end.

    Only what was cut short counts (killed, stopped, out of time): its answers need not be asked for again. A crawl
    that a server refused something starts anew.
    """
    days = {"first_on": window and window.first_on, "last_on": window and window.last_on}
    since: datetime | None = None
    for row in connection.execute(_SAME_PLAN, {"crawl_id": crawl_id, "source": source, **days}):
        if row.state != "failed" or row.reason not in crawls.CUT_SHORT:
            break
        since = row.started_at
    return since


def is_window_done(connection: Connection, *, source: str, window: Window, since: datetime) -> bool:
    """Say whether a crawl that began at ``since`` or later has seen the window whole."""
    days = {"first_on": window.first_on, "last_on": window.last_on}
    return bool(connection.scalar(_WINDOW_DONE, {"source": source, "since": since, **days}))

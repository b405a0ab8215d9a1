"""Reports that stay away: a problem in every crawl meanwhile, and told to staff once."""

import uuid
from collections.abc import Sequence
from datetime import date

from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, text

from usda_ingest.announcing.announcements import crawl_failed
from usda_ingest.storing import crawls, visits

_NEVER = date.min
_TELL = text("INSERT INTO missing_reports (report_id, last_on) VALUES (:report, :last_on) ON CONFLICT DO NOTHING")
_CAME = text("DELETE FROM missing_reports WHERE report_id = :report AND last_on < :last_on")


def came(connection: Connection, report: str, last_on: date) -> None:
    """Forget that the report was missed before that day."""
    connection.execute(_CAME, {"report": report, "last_on": last_on})


def note(
    connection: Connection, crawl_id: uuid.UUID, report: str, last_on: date | None, days_late: int, *, source: str
) -> str | None:
    """Note in the running crawl that the report stays away; return what to tell of it, None if it was told before.

    Args:
        connection: within the transaction that closes the crawl.
        crawl_id: the crawl that looked for it.
        report: its id.
        last_on: its newest day; None when there is none.
        days_late: market days since.
        source: where it is looked for.

    """
    since = (
        f"since {last_on} ({days_late} market days)"
        if last_on is not None
        else f"in the last {visits.LOOKBACK.days} days"
    )
    reason = f"no report {report} {since}"
    crawls.add_problem(connection, crawl_id, source, reason, source=source)
    is_news = connection.execute(_TELL, {"report": report, "last_on": last_on or _NEVER}).rowcount
    return reason if is_news else None


def tell(connection: Connection, crawl_id: uuid.UUID, reasons: Sequence[str]) -> None:
    """Tell, all at once, which reports stay away; nothing if there is no news."""
    found = crawls.find(connection, crawl_id)
    if reasons and found is not None:
        enqueue(connection, crawl_failed(found, "; ".join(reasons)[: crawls.MAX_REASON_CHARS]))

"""Reports that stay away: a problem in every crawl meanwhile, and told to staff once."""

import uuid
from datetime import date

from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, text

from usda_ingest.announcing.announcements import crawl_failed
from usda_ingest.storing import crawls

_NEVER = date.min
_TELL = text("INSERT INTO missing_reports (report_id, last_on) VALUES (:report, :last_on) ON CONFLICT DO NOTHING")
_CAME = text("DELETE FROM missing_reports WHERE report_id = :report AND last_on < :last_on")


def came(connection: Connection, report: str, last_on: date) -> None:
    """Forget that the report was missed before that day."""
    connection.execute(_CAME, {"report": report, "last_on": last_on})


def note(
    connection: Connection, crawl_id: uuid.UUID, report: str, last_on: date | None, days_late: int, *, source: str
) -> bool:
    """Note in the running crawl that the report stays away, and tell it unless it was told; return whether it was told.

    Args:
        connection: within the transaction that closes the crawl.
        crawl_id: the crawl that looked for it.
        report: its id.
        last_on: its newest day; None when there is none.
        days_late: market days since.
        source: where it is looked for.

    """
    since = f"since {last_on} ({days_late} market days)" if last_on is not None else "so far"
    reason = f"no report {report} {since}"
    crawls.add_problem(connection, crawl_id, source, reason, source=source)
    if not connection.execute(_TELL, {"report": report, "last_on": last_on or _NEVER}).rowcount:
        return False
    found = crawls.find(connection, crawl_id)
    if found is not None:
        enqueue(connection, crawl_failed(found, reason))
    return True

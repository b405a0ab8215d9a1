"""What the reports say of their days in words: one row a report and day, of the file that told it last."""

import uuid
from collections.abc import Iterable

from sqlalchemy import Connection, text

from usda_ingest.reading.report_header import ReportDay

_STORE = text("""
    INSERT INTO report_days (report_id, reported_on, title, narrative, published, market, file_id)
    VALUES (:report_id, :reported_on, :title, :narrative, :published, :market, :file_id)
    ON CONFLICT (report_id, reported_on) DO UPDATE
    SET title = excluded.title, narrative = excluded.narrative, published = excluded.published,
        market = excluded.market, file_id = excluded.file_id
    WHERE (report_days.title, report_days.narrative, report_days.published, report_days.market)
          IS DISTINCT FROM (excluded.title, excluded.narrative, excluded.published, excluded.market)
""")


def store(connection: Connection, days: Iterable[ReportDay], file_id: uuid.UUID) -> int:
    """Store the days in the file's own transaction; return how many are new or say something else than before."""
    # a later row of the same file replaces an earlier one; sorted, so that two writers never wait for each other
    latest = {(day.report_id, day.reported_on): day for day in days}
    changed = 0
    for _, day in sorted(latest.items()):
        values = {
            "report_id": day.report_id,
            "reported_on": day.reported_on,
            "title": day.title,
            "narrative": day.narrative,
            "published": day.published,
            "market": day.market,
            "file_id": file_id,
        }
        changed += connection.execute(_STORE, values).rowcount
    return changed

"""Ranges so wide that somebody should look whether they are right: those that the goods did not have the day before.

Some goods are quoted so every day, and a remark that comes every day is read by nobody.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from usda_ingest.reading.formats.price_range import WIDE_RANGE
from usda_ingest.reading.quote import Quote

# How many days ago the day before may be: a weekly report's is a week ago, and may have been left out once.
LOOKBACK_DAYS = 14

_UNUSUAL = text("""
    SELECT told.place
    FROM unnest(CAST(:keys AS uuid[]), CAST(:says AS uuid[])) WITH ORDINALITY AS told (row_key, value_key, place)
    JOIN quotes q USING (row_key, value_key)
    WHERE q.file_id = :file_id AND NOT EXISTS (
        SELECT FROM quotes before WHERE before.series_id = q.series_id
        AND (before.high - before.low) * 2 > :wide * (before.high + before.low)
        AND before.quoted_on = (
            SELECT max(quoted_on) FROM quotes WHERE series_id = q.series_id AND low IS NOT NULL
            AND quoted_on BETWEEN q.quoted_on - CAST(:days AS integer) AND q.quoted_on - 1
        )
    )
    ORDER BY told.place
""")


def unusual(connection: Connection, file_id: UUID, wide: Sequence[Quote]) -> list[Quote]:
    """Return those of a file's wide ranges that it has brought and that their series did not have the day before.

    Args:
        connection: within the transaction that has stored the file.
        file_id: the file.
        wide: its quotes with a wide range.

    """
    if not wide:
        return []
    keys = {"keys": [quote.row_key for quote in wide], "says": [quote.value_key for quote in wide]}
    values = {**keys, "file_id": file_id, "wide": WIDE_RANGE, "days": LOOKBACK_DAYS}
    return [wide[place - 1] for place in connection.scalars(_UNUSUAL, values)]

"""A series' quote of a day: lowest low, highest high, and a reference in the middle of the mostly range or of both."""

from collections.abc import Iterator

from sqlalchemy import Connection, Row, text

from usda_ingest.announcing.announcements import DayQuote
from usda_ingest.forecasting import due

# "now()" is the transaction's time: what this transaction has stored bears exactly that.
_TOUCHED = """
    SELECT DISTINCT q.series_id, q.quoted_on
    FROM staged_quotes s JOIN quotes q ON q.row_key = s.row_key AND q.value_key = s.value_key
    WHERE q.stored_at = now() AND q.headline
"""
_RECOMPUTE = text(f"""
    WITH touched AS ({_TOUCHED}), ranges AS (
        SELECT q.series_id, q.quoted_on, max(q.report_id) AS report_id, min(q.low) AS low, max(q.high) AS high,
               min(q.mostly_low) AS mostly_low, max(q.mostly_high) AS mostly_high
        FROM touched JOIN quotes q USING (series_id, quoted_on)
        WHERE q.headline AND q.low IS NOT NULL
        GROUP BY q.series_id, q.quoted_on
    ), written AS (
        INSERT INTO day_quotes (series_id, quoted_on, report_id, low, high, mostly_low, mostly_high, reference,
                                updated_at)
        SELECT series_id, quoted_on, report_id, low, high, mostly_low, mostly_high,
               (coalesce(mostly_low, low) + coalesce(mostly_high, high)) / 2, now()
        FROM ranges
        ON CONFLICT (series_id, quoted_on) DO UPDATE
        SET report_id = excluded.report_id, low = excluded.low, high = excluded.high,
            mostly_low = excluded.mostly_low, mostly_high = excluded.mostly_high, reference = excluded.reference,
            updated_at = excluded.updated_at
        WHERE (day_quotes.low, day_quotes.high, day_quotes.mostly_low, day_quotes.mostly_high)
              IS DISTINCT FROM (excluded.low, excluded.high, excluded.mostly_low, excluded.mostly_high)
        RETURNING *
    )
    SELECT w.series_id, w.report_id, s.market, s.commodity, s.variety, s.package, s.size, s.organic, w.quoted_on,
           w.low, w.high, w.mostly_low, w.mostly_high, w.reference
    FROM written w JOIN series s USING (series_id)
    ORDER BY w.report_id, s.market, w.quoted_on, s.commodity, w.series_id
""")  # noqa: S608 - constants only
# A correction may withdraw a quote ("offerings insufficient"): then the day has none any more.
_WITHDRAW = text(f"""
    DELETE FROM day_quotes d USING ({_TOUCHED}) touched
    WHERE d.series_id = touched.series_id AND d.quoted_on = touched.quoted_on
      AND NOT EXISTS (SELECT FROM quotes q WHERE q.series_id = d.series_id AND q.quoted_on = d.quoted_on
                      AND q.headline AND q.low IS NOT NULL)
""")  # noqa: S608 - constants only
_TOUCHED_SERIES = text(f"SELECT DISTINCT series_id FROM ({_TOUCHED}) touched")  # noqa: S608 - constants only
_LATEST = text("""
    SELECT * FROM (
        SELECT DISTINCT ON (d.series_id) d.series_id, d.report_id, s.market, s.commodity, s.variety, s.package, s.size,
               s.organic, d.quoted_on, d.low, d.high, d.mostly_low, d.mostly_high, d.reference
        FROM day_quotes d JOIN series s USING (series_id) ORDER BY d.series_id, d.quoted_on DESC
    ) latest ORDER BY report_id, market, quoted_on, commodity, series_id
""")


def recompute(connection: Connection) -> list[DayQuote]:
    """Bring the day quotes of what was just stored up to date; return those that changed, sorted for events."""
    connection.execute(_WITHDRAW)
    due.mark(connection, connection.scalars(_TOUCHED_SERIES))
    return [_day_quote(row) for row in connection.execute(_RECOMPUTE)]


def latest(connection: Connection) -> Iterator[DayQuote]:
    """Yield the newest quote of every series, sorted for events."""
    return (_day_quote(row) for row in connection.execute(_LATEST))


def _day_quote(row: Row[tuple[object, ...]]) -> DayQuote:
    values = row._asdict()
    return DayQuote(**{**values, "series_id": str(values["series_id"])})

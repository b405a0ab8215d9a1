"""Market prices of the last weeks: what ``usda.price.recorded.v1`` said last of each series and day."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from mercadito_events.envelope import Event
from sqlalchemy import Connection, text

from notify.market.readings import RecordedPrices, Reported

KEPT = timedelta(weeks=9)
"""What the chart shows, and a week to compare with; older quotes are not even read."""
FORGET_BATCH = 5_000

Today = Callable[[], date]
"""Returns the market's day."""

# An event may be handled again long after (a dead letter), so the later word is known by its time.
_KEEP = text("""
    INSERT INTO market_quotes AS known (series_id, quoted_on, cents, told_at)
    SELECT series_id, quoted_on, cents, :told_at
    FROM jsonb_to_recordset(CAST(:quotes AS jsonb)) AS told (series_id uuid, quoted_on date, cents integer)
    ON CONFLICT (series_id, quoted_on) DO UPDATE SET cents = excluded.cents, told_at = excluded.told_at
    WHERE known.told_at <= excluded.told_at
""")
_FORGET = text("""
    DELETE FROM market_quotes WHERE (series_id, quoted_on) IN (
        SELECT series_id, quoted_on FROM market_quotes WHERE quoted_on < :since LIMIT :batch)
""")


def market_day(zone: ZoneInfo, recorded: date | None) -> Today:
    """Return what tells the market's day: it is the hub's, or the one that recorded reports stand for."""
    return lambda: recorded or datetime.now(zone).date()


def keep_quotes(connection: Connection, event: Event, *, today: Today) -> None:
    """Keep the quotes of an event; those of a day that no digest will look at are passed over unread."""
    since = today() - KEPT
    if Reported.of(event.data).report_date < since:
        return
    told = RecordedPrices.of(event.data)
    cents = {(quote.series_id, quote.date): quote.cents for quote in told.quotes}
    cents |= {(gone.series_id, gone.date): None for gone in told.withdrawn}
    quotes = [
        {"series_id": str(series_id), "quoted_on": on.isoformat(), "cents": price}
        for (series_id, on), price in sorted(cents.items())
        if on >= since
    ]
    if quotes:
        connection.execute(_KEEP, {"quotes": json.dumps(quotes), "told_at": event.time})


def forget_quotes(connection: Connection, since: date) -> None:
    """Delete a batch of what is older."""
    connection.execute(_FORGET, {"since": since, "batch": FORGET_BATCH})

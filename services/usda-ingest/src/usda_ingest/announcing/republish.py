"""Tell the latest quotes and forecasts again, for a reader that is new or older than the stream."""

from dataclasses import dataclass

from mercadito_events.outbox import enqueue
from mercadito_events.service.database import DatabaseSettings, create_engine
from sqlalchemy import Connection, text

from usda_ingest.announcing.announcements import prices_recorded
from usda_ingest.announcing.forecasts import forecasts_updated, told
from usda_ingest.forecasting import due
from usda_ingest.storing import crawls
from usda_ingest.storing.day_quotes import latest

# Also those that ended: an older reader may have missed it.
_FORECASTS = text("SELECT series_id, as_of, trend, forecast FROM forecasts ORDER BY series_id")


@dataclass(frozen=True, slots=True)
class Told:
    """How many series were told."""

    quotes: int
    forecasts: int


def republish(settings: DatabaseSettings) -> Told:
    """Write the newest quote and forecast of every series to the outbox, in one transaction; return how many.

    Raises:
        CrawlBusy: a crawl is running; its corrections could be overtaken by what was read before them.
        ForecastBusy: forecasts are being computed, as above.

    """
    engine = create_engine(settings, pool_size=3, application_name="usda-republish")
    try:
        with crawls.single_flight(engine), due.single_flight(engine), engine.begin() as connection:
            return _tell(connection)
    finally:
        engine.dispose()


def _tell(connection: Connection) -> Told:
    quotes = list(latest(connection))
    forecasts = [told(dict(row)) for row in connection.execute(_FORECASTS).mappings()]
    for event in prices_recorded(quotes):
        enqueue(connection, event)
    for event in forecasts_updated(forecasts):
        enqueue(connection, event)
    return Told(len(quotes), len(forecasts))

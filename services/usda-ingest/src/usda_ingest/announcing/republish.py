"""Tell the latest quotes again, for a reader that is new or older than the stream."""

from mercadito_events.outbox import enqueue
from mercadito_events.service.database import DatabaseSettings, create_engine

from usda_ingest.announcing.announcements import prices_recorded
from usda_ingest.storing import crawls
from usda_ingest.storing.day_quotes import latest


def republish(settings: DatabaseSettings) -> int:
    """Write the newest quote of every series to the outbox, in one transaction; return how many.

    Raises:
        CrawlBusy: a crawl is running; its corrections could be overtaken by what was read before them.

    """
    engine = create_engine(settings, pool_size=2, application_name="usda-republish")
    try:
        with crawls.single_flight(engine), engine.begin() as connection:
            quotes = list(latest(connection))
            for event in prices_recorded(quotes):
                enqueue(connection, event)
    finally:
        engine.dispose()
    return len(quotes)

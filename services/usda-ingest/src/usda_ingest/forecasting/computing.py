"""`usda-ingest forecast`: brings the forecasts of all series that are due up to date, market by market."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from uuid import UUID

import structlog
from mercadito_events.service.database import DatabaseSettings, create_engine
from sqlalchemy import Connection, Engine, text

from usda_ingest.errors import ForecastFailed
from usda_ingest.forecasting import due, market
from usda_ingest.forecasting.grid import History
from usda_ingest.forecasting.writing import write

MAX_SERIES = 1_000
"""So many due series of a market are computed together; more are taken in turns."""
MAX_PEERS = 1_000
"""So many others of the market, the most recently quoted, lend them their errors."""
PEER_DAYS = 370
MAX_QUOTES = 2_000
"""The newest quotes of a series that are looked at: some eight years of market days."""
BATCH_SERIES = 200
"""So many series are written in one transaction."""
_log = structlog.get_logger(__name__)

_MARKETS = text("SELECT DISTINCT market FROM forecasts_due JOIN series USING (series_id) ORDER BY market")
_DUE = text("""
    SELECT series_id, mark FROM forecasts_due JOIN series USING (series_id)
    WHERE market = :market AND (commodity_key, series_id) > (:commodity, CAST(:series_id AS uuid))
    ORDER BY commodity_key, series_id LIMIT :limit
""")
_PLACE = text("SELECT commodity_key FROM series WHERE series_id = :series_id")
_PEERS = text("""
    SELECT series_id FROM series WHERE market = :market AND last_on > CAST(:today AS date) - :days
    ORDER BY last_on DESC, series_id LIMIT :limit
""")
_QUOTES = text("""
    SELECT s.series_id, s.commodity_key, q.ordinals, q.prices
    FROM series s CROSS JOIN LATERAL (
        SELECT array_agg(n.ordinal ORDER BY n.ordinal) AS ordinals, array_agg(n.price ORDER BY n.ordinal) AS prices
        FROM (SELECT quoted_on - DATE '0001-01-01' + 1 AS ordinal, reference::float8 AS price FROM day_quotes d
              WHERE d.series_id = s.series_id ORDER BY quoted_on DESC LIMIT :quotes) n
    ) q
    WHERE s.series_id = ANY(CAST(:series AS uuid[])) AND q.ordinals IS NOT NULL
""")


def compute(settings: DatabaseSettings, today: date, stop: threading.Event) -> int:
    """Bring every due forecast up to date; return how many series were written.

    Args:
        settings: the service's database.
        today: the day by which quotes are stale.
        stop: when set, it ends after the transaction under way; what is left stays due.

    Raises:
        ForecastBusy: another process is at it.
        ForecastFailed: some markets could not be computed; the others are.

    """
    engine = create_engine(settings, pool_size=2, application_name="usda-forecast")
    try:
        with due.single_flight(engine):
            return _compute(engine, today, stop)
    finally:
        engine.dispose()


def _compute(engine: Engine, today: date, stop: threading.Event) -> int:
    with engine.begin() as connection:
        due.mark_outdated(connection, today)
    with engine.connect() as connection:
        markets = connection.scalars(_MARKETS).all()
    written, failed = 0, []
    for name in markets:
        try:
            for marks in _turns(engine, name):
                if not stop.is_set():
                    written += _compute_together(engine, name, marks, today, stop)
        except (ArithmeticError, ValueError):
            # Prices that nobody has thought of must not hold up the other markets; what is due stays due.
            _log.exception("market_not_computable", market=name)
            failed.append(name)
    _log.info("forecasts_computed", series=written, markets=len(markets), failed=len(failed))
    if failed:
        raise ForecastFailed(f"not computable: {', '.join(failed)}")
    return written


def _turns(engine: Engine, name: str) -> Iterator[dict[UUID, int]]:
    """Yield the marks of a market's due series, each series once: a mark that returns is for the next run."""
    commodity, series_id = "", UUID(int=0)
    while True:
        with engine.connect() as connection:
            values = {"market": name, "commodity": commodity, "series_id": series_id, "limit": MAX_SERIES}
            rows = connection.execute(_DUE, values).all()
            if not rows:
                return
            series_id = rows[-1].series_id
            commodity = connection.execute(_PLACE, {"series_id": series_id}).scalar_one()
        yield {row.series_id: row.mark for row in rows}


def _compute_together(engine: Engine, name: str, marks: Mapping[UUID, int], today: date, stop: threading.Event) -> int:
    """Compute and write some series of a market. Marks were read before quotes, so no mark is cleared unseen."""
    with engine.connect() as connection:
        histories = market_histories(connection, name, list(marks), today)
    written, batch = 0, []
    for outcome in market.outcomes(histories, marks.keys(), today):
        batch.append(outcome)
        if len(batch) == BATCH_SERIES:
            written += write(engine, batch, marks)
            batch = []
            if stop.is_set():
                return written
    return written + write(engine, batch, marks)


def market_histories(connection: Connection, name: str, wanted: Sequence[UUID], today: date) -> list[History]:
    """Return the quotes of these series and of what else the market quoted in the last year."""
    values = {"market": name, "today": today, "days": PEER_DAYS, "limit": MAX_PEERS}
    peers = connection.scalars(_PEERS, values)
    series = [str(series_id) for series_id in {*wanted, *peers}]
    rows = connection.execute(_QUOTES, {"series": series, "quotes": MAX_QUOTES})
    return [History(row.series_id, row.commodity_key, row.ordinals, row.prices) for row in rows]

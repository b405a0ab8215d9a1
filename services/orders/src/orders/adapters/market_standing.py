"""`MarketStandings` on an engine."""

from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from orders.adapters.availability import lent
from orders.application.market_standing import MarketStanding

# A source that was taken out of the settings is heard of no more: only the one heard last counts.
_STANDING = text(
    "SELECT clock_timestamp() AS now, (SELECT failed_at FROM market_feed ORDER BY at DESC LIMIT 1) AS failed_at,"
    " (SELECT max(quoted_on) FROM series_quotes WHERE series_id IN"
    " (SELECT series_id FROM products WHERE active AND series_id IS NOT NULL)) AS newest_on"
)


class SqlMarketStandings:
    """`usda_today` dates the market for recorded price files."""

    def __init__(self, engine: Engine, zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine, self._zone, self._usda_today = engine, zone, usda_today

    def now(self) -> MarketStanding:
        """Return how the reports stand; see the port."""
        with lent(self._engine) as connection:
            row = connection.execute(_STANDING).one()
        return MarketStanding(row.failed_at, row.newest_on, self._usda_today or row.now.astimezone(self._zone).date())

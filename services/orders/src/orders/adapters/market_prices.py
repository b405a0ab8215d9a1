"""`MarketPrices` on PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from orders.adapters.availability import lent
from orders.adapters.read_rows import quote_view
from orders.application.market_prices import (
    MAX_OFFERS,
    MAX_PRODUCTS,
    OfferedSeries,
    SellingPrice,
    SoldProduct,
    states_seen_by,
)
from orders.application.product_queries import SeriesView
from orders.domain.order import is_id
from orders.domain.people import Actor

_QUOTE = "q.series_id, q.market, q.report_id, q.commodity, q.variety, q.package, q.size, q.organic, q.quoted_on, q.low,"
_QUOTE += " q.high, q.reference"
_KNOWN = text(f"SELECT {_QUOTE} FROM series_quotes q WHERE q.series_id = CAST(:id AS uuid)")
_OFFERED = text(
    f"SELECT DISTINCT ON (p.name, p.id) {_QUOTE}, p.name, p.name_es FROM cycles c JOIN offers o ON o.cycle_id = c.id"
    " JOIN products p ON p.id = o.product_id JOIN series_quotes q ON q.series_id = p.series_id"
    " WHERE c.state = 'open' AND o.withdrawn_at IS NULL ORDER BY p.name, p.id LIMIT :limit"
)
_SOLD = text(
    "SELECT * FROM (SELECT p.id, p.name, p.name_es, p.pack, p.units_per_package, c.name AS cycle_name, c.opens_at,"
    " c.delivery_on, o.unit_price_cents, row_number() OVER (PARTITION BY p.id ORDER BY c.opens_at DESC, c.id) AS place,"
    " max(c.opens_at) OVER (PARTITION BY p.id) AS latest FROM products p JOIN offers o ON o.product_id = p.id"
    " JOIN cycles c ON c.id = o.cycle_id WHERE p.series_id = CAST(:id AS uuid) AND c.state = ANY(:states)) AS priced"
    " WHERE place <= :offers ORDER BY latest DESC, id, opens_at"
)


class SqlMarketPrices:
    """Reads what orders itself knows of a series.

    `usda_today` sets the market's calendar for recorded files: our own days are moved with it, else an offer of today
    would stand months after the quotes it was made from.
    """

    def __init__(self, engine: Engine, time_zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine = engine
        self._time_zone = time_zone
        self._usda_today = usda_today

    def known(self, series_id: str) -> SeriesView | None:
        """Return the series as far as it was heard of; see the port."""
        if not is_id(series_id):
            return None
        with lent(self._engine) as connection:
            row = connection.execute(_KNOWN, {"id": series_id}).one_or_none()
        return self._series(row) if row else None

    def sold(self, actor: Actor, series_id: str) -> tuple[SoldProduct, ...]:
        """Return our prices of what follows the series; see the port."""
        values = {"id": series_id, "states": list(states_seen_by(actor)), "offers": MAX_OFFERS}
        with lent(self._engine) as connection:
            found = connection.execute(_SOLD, values).all()
        products = [self._product(list(rows)) for _, rows in groupby(found, key=lambda row: row.id)]
        return tuple(products[:MAX_PRODUCTS])

    def offered(self, limit: int) -> tuple[OfferedSeries, ...]:
        """Return the series of what is on offer now; see the port."""
        with lent(self._engine) as connection:
            found = connection.execute(_OFFERED, {"limit": limit}).all()
        return tuple(OfferedSeries(self._series(row), row.name, row.name_es) for row in found)

    def _series(self, row: Row[Any]) -> SeriesView:
        today = self._usda_today or self._today()
        return SeriesView(quote_view(row, today), row.organic)

    def _product(self, rows: Sequence[Row[Any]]) -> SoldProduct:
        first = rows[0]
        return SoldProduct(
            product_id=str(first.id),
            name=first.name,
            name_es=first.name_es,
            pack=first.pack,
            units_per_package=first.units_per_package,
            prices=tuple(self._price(row) for row in rows),
        )

    def _price(self, row: Row[Any]) -> SellingPrice:
        moved = self._usda_today - self._today() if self._usda_today else timedelta()
        since = row.opens_at.astimezone(self._time_zone).date() + moved
        return SellingPrice(since, max(since, row.delivery_on + moved), row.cycle_name, row.unit_price_cents)

    def _today(self) -> date:
        return datetime.now(self._time_zone).date()

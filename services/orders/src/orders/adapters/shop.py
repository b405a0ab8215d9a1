"""`Shop` on PostgreSQL."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row

from orders.adapters import shop_sql as sql
from orders.adapters.availability import lent
from orders.adapters.word_search import patterns
from orders.application.shop import (
    OFFERS_AT_ONCE,
    Aisle,
    Shelves,
    ShopOffer,
    Standing,
    StoreOrder,
    View,
    Wish,
    found_in,
    page_count,
)
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor
from orders.domain.pricing import is_stale


class SqlShop:
    """Reads what the order page shows; `usda_today` dates the market for recorded price files."""

    def __init__(self, engine: Engine, time_zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine = engine
        self._time_zone = time_zone
        self._usda_today = usda_today

    def standing(self, cycle_id: str, store_id: str) -> Standing:
        """Return how the store stands on the market day."""
        with lent(self._engine) as connection:
            row = connection.execute(sql.STANDING, _ids(cycle_id, store_id)).one_or_none()
        if row is None:
            raise NotFound("no such market day")
        order = None if row.id is None else StoreOrder(str(row.id), row.number, row.version, row.note, row.editable)
        return Standing(order, row.has_older)

    def shelves(
        self, cycle_id: str, store_id: str, view: View, *, locale: str, besides: Collection[str] = ()
    ) -> Shelves:
        """Return a view of the day's offers; see the port."""
        searched = {**_ids(cycle_id, store_id), **patterns(view.words)}
        with lent(self._engine) as connection:
            aisles = tuple(
                Aisle(row.category, row.offers, row.found) for row in connection.execute(sql.AISLES, searched)
            )
            shown = replace(view, page=min(max(view.page, 1), page_count(found_in(aisles, view))))
            wanted = {
                **searched,
                "category": shown.category,
                "spanish": locale == "es",
                "besides": sorted({id_ for id_ in besides if is_id(id_)}),
                "limit": OFFERS_AT_ONCE,
                "offset": (shown.page - 1) * OFFERS_AT_ONCE,
            }
            rows = connection.execute(sql.OFFERS, wanted).all()
        return Shelves(shown, aisles, tuple(map(self._offer, rows)))

    def wishes(self, actor: Actor, cycle_id: str, store_id: str, order_id: str | None) -> tuple[Wish, ...]:
        """Return the lines of an older order; see the port."""
        values: dict[str, Any] = {**_ids(cycle_id, store_id), "all": actor.is_staff, "ids": sorted(actor.store_ids)}
        statement = sql.WISHES_OF_LAST
        if order_id is not None:
            if not is_id(order_id):
                return ()
            statement, values["order_id"] = sql.WISHES_OF_ONE, order_id
        with lent(self._engine) as connection:
            return tuple(
                Wish(row.name, row.name_es, row.quantity, None if row.offer_id is None else str(row.offer_id))
                for row in connection.execute(statement, values)
            )

    def _offer(self, row: Row[Any]) -> ShopOffer:
        return ShopOffer(
            id=str(row.id),
            name=row.name,
            name_es=row.name_es,
            category=row.category,
            pack=row.pack,
            series_id=None if row.series_id is None else str(row.series_id),
            unit_price_cents=row.unit_price_cents,
            available=row.available,
            remaining=row.remaining,
            max_per_store=row.max_per_store,
            case_size=row.case_size,
            cutoff_at=row.cutoff_at,
            is_closed=row.is_closed,
            version=row.version,
            market=row.market,
            quoted_on=row.quoted_on,
            is_stale=row.quoted_on is not None and is_stale(row.quoted_on, self._today(row.server_time)),
            ordered=row.ordered,
            shorted=row.shorted,
            agreed_unit_price_cents=row.agreed_unit_price_cents,
            max_unit_price_cents=row.max_unit_price_cents,
            taken=None if row.taken is None else int(row.taken),
            in_view=row.in_view,
        )

    def _today(self, server_time: datetime) -> date:
        return self._usda_today or server_time.astimezone(self._time_zone).date()


def _ids(cycle_id: str, store_id: str) -> dict[str, Any]:
    if not (is_id(cycle_id) and is_id(store_id)):
        raise NotFound("no such id")
    return {"cycle_id": cycle_id, "store_id": store_id}

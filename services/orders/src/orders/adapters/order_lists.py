"""`OrderLists` on PostgreSQL."""

import base64
from typing import Any

from sqlalchemy import Engine, text

from orders.adapters.availability import lent
from orders.adapters.read_rows import order_summary
from orders.adapters.word_search import matches_sql, patterns
from orders.application.order_lists import MarketDay, OrderBefore, OrderSearch
from orders.application.queries import OrderSummary, Page
from orders.domain.errors import FieldError, Invalid
from orders.domain.order import OrderState, is_id
from orders.domain.people import Actor

MAX_NUMBER_DIGITS = 18

_SEEN = "(:all OR o.store_id = ANY (CAST(:ids AS uuid[])))"
# The stores are found first: there are hundreds of them, and their orders lie in an index.
_PAGE = text(
    "SELECT o.id, o.number, o.state, o.version, o.cycle_id, c.name AS cycle_name, c.delivery_on, o.store_id,"
    " s.name AS store_name, o.total_cents, o.placed_at, o.updated_at,"
    " (SELECT count(*) FROM order_lines l WHERE l.order_id = o.id AND l.quantity > 0) AS line_count"
    " FROM orders o JOIN cycles c ON c.id = o.cycle_id JOIN stores s ON s.id = o.store_id"
    f" WHERE {_SEEN} AND (CAST(:before AS bigint) IS NULL OR o.number < :before)"
    " AND (CAST(:number AS bigint) IS NULL OR o.number = :number)"
    " AND (CAST(:cycle_id AS uuid) IS NULL OR o.cycle_id = CAST(:cycle_id AS uuid))"
    " AND (CAST(:store_id AS uuid) IS NULL OR o.store_id = CAST(:store_id AS uuid))"
    " AND (CAST(:state AS text) IS NULL OR o.state = :state)"
    " AND o.store_id IN (SELECT named.id FROM stores named WHERE " + matches_sql("named.name") + ")"
    " ORDER BY o.number DESC LIMIT :limit"
)
_DAYS = text(
    "SELECT c.id, c.name, c.delivery_on FROM cycles c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.cycle_id = c.id"
    f" AND {_SEEN}) ORDER BY c.cutoff_at DESC, c.id DESC LIMIT :limit"
)
_NEWEST = text(
    "SELECT o.id, o.number, o.state, c.delivery_on, o.total_cents, o.state = 'placed' AND c.state = 'open'"
    " AND clock_timestamp() < c.cutoff_at AS editable FROM orders o JOIN cycles c ON c.id = o.cycle_id"
    " WHERE o.store_id = CAST(:store_id AS uuid) AND o.state <> 'cancelled' ORDER BY o.number DESC LIMIT 1"
)


class SqlOrderLists:
    """Reads lists of orders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, actor: Actor, search: OrderSearch, *, limit: int, cursor: str | None) -> Page[OrderSummary]:
        """Page through orders; see the port."""
        values = {
            **_sight(actor),
            "before": _read_cursor(cursor),
            "number": search.number,
            "cycle_id": _id_or_none(search.cycle_id),
            "store_id": _id_or_none(search.store_id),
            "state": search.state.value if search.state else None,
            **patterns(search.words),
            "limit": limit + 1,
        }
        with lent(self._engine) as connection:
            found = [order_summary(row) for row in connection.execute(_PAGE, values)]
        items = tuple(found[:limit])
        return Page(items, _write_cursor(items[-1].number) if len(found) > limit else None)

    def market_days(self, actor: Actor, *, limit: int) -> tuple[MarketDay, ...]:
        """List market days with orders; see the port."""
        with lent(self._engine) as connection:
            rows = connection.execute(_DAYS, {**_sight(actor), "limit": limit})
            return tuple(MarketDay(str(row.id), row.name, row.delivery_on) for row in rows)

    def newest(self, store_id: str) -> OrderBefore | None:
        """Return the store's newest order that was not cancelled."""
        with lent(self._engine) as connection:
            row = connection.execute(_NEWEST, {"store_id": store_id}).one_or_none()
        if row is None:
            return None
        state = OrderState(row.state)
        return OrderBefore(str(row.id), row.number, state, row.delivery_on, row.total_cents, row.editable)


def _sight(actor: Actor) -> dict[str, Any]:
    return {"all": actor.is_staff, "ids": sorted(actor.store_ids)}


def _id_or_none(text: str | None) -> str | None:
    if text is None or is_id(text):
        return text
    raise Invalid(FieldError("search", "not an id"))


def _write_cursor(number: int) -> str:
    return base64.urlsafe_b64encode(str(number).encode()).rstrip(b"=").decode()


def _read_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError as error:
        raise Invalid(FieldError("cursor", "not a cursor of this list")) from error
    if not text.isdigit() or len(text) > MAX_NUMBER_DIGITS:
        raise Invalid(FieldError("cursor", "not a cursor of this list"))
    return int(text)

"""`Queries` on PostgreSQL: few statements, however much there is to show."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row

from orders.adapters import read_rows as rows
from orders.adapters import read_sql as sql
from orders.adapters.availability import lent
from orders.adapters.cursors import as_moment, as_number, as_text, as_uuid, page_of, read_cursor
from orders.application.queries import (
    Board,
    CycleView,
    OfferView,
    OrderFilter,
    OrderPage,
    OrderSummary,
    OrderView,
    Page,
    PersonView,
    StoreView,
)
from orders.domain.cycle import CycleState
from orders.domain.errors import NotFound
from orders.domain.order import OrderState, is_id
from orders.domain.people import Actor, Role

MAX_TIMELINE = 500
MAX_MAILS = 100
MAX_BOARD_ORDERS = 2_000
MAX_BOARD_MAILS = 50
MAX_BOARD_OFFERS = 100

T = TypeVar("T")


class SqlQueries:
    """`Queries` on an engine; `usda_today` dates the market for recorded price files."""

    def __init__(self, engine: Engine, time_zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine = engine
        self._time_zone = time_zone
        self._usda_today = usda_today

    def stores(self, actor: Actor) -> tuple[StoreView, ...]:
        """List the stores the actor may order for."""
        with lent(self._engine) as connection:
            return _all(connection, sql.STORES, _sight(actor), rows.store_view)

    def person(self, actor: Actor) -> PersonView:
        """Return who the actor is, with the actor's own stores."""
        with lent(self._engine) as connection:
            row = _one(connection, sql.PERSON, {"id": actor.person_id}, "person")
            own = {"all": False, "ids": sorted(actor.store_ids)}
            stores = _all(connection, sql.STORES, own, rows.store_view)
        return PersonView(str(row.id), row.email, row.name, Role(row.role), row.locale, stores)

    def cycles(self, state: CycleState | None, *, limit: int, cursor: str | None) -> Page[CycleView]:
        """Page through market days, latest cutoff first."""
        after = read_cursor(cursor, as_moment, as_uuid)
        values = {
            "state": state.value if state else None,
            "after_cutoff": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit + 1,
        }
        with lent(self._engine) as connection:
            found = _all(connection, sql.CYCLES, values, rows.cycle_view)
        return page_of(found, limit, lambda cycle: [cycle.cutoff_at.isoformat(), cycle.id])

    def cycle(self, cycle_id: str) -> CycleView:
        """Return one market day."""
        with lent(self._engine) as connection:
            return rows.cycle_view(_one(connection, sql.CYCLE, {"id": _known_id(cycle_id)}, "market day"))

    def current_cycle(self) -> CycleView | None:
        """Return the open market day with the nearest cutoff."""
        with lent(self._engine) as connection:
            row = connection.execute(sql.CURRENT_CYCLE).one_or_none()
        return None if row is None else rows.cycle_view(row)

    def offers(
        self,
        cycle_id: str,
        *,
        store_id: str | None = None,
        limit: int = 5_000,
        cursor: str | None = None,
        category: str | None = None,
        text: str | None = None,
    ) -> Page[OfferView]:
        """Page through a cycle's offers; see the port."""
        after = read_cursor(cursor, as_text, as_text, as_uuid) or (None, None, None)
        values = {
            "cycle_id": _known_id(cycle_id),
            "store_id": None if store_id is None else _known_id(store_id),
            "category": category,
            "wanted": text,
            "after_category": after[0],
            "after_name": after[1],
            "after_id": after[2],
            "limit": limit + 1,
        }
        with lent(self._engine) as connection:
            found = connection.execute(sql.OFFERS, values).all()
        offers = tuple(rows.offer_view(row, self._today(row.server_time)) for row in found)
        return page_of(offers, limit, lambda offer: [offer.category, offer.name, offer.id])

    def orders(self, actor: Actor, wanted: OrderFilter, *, limit: int, cursor: str | None) -> Page[OrderView]:
        """Page through orders with their lines, newest first."""
        with lent(self._engine) as connection:
            values = _order_filter(actor, wanted, limit, cursor)
            found = connection.execute(_orders_seen_by(actor), values).all()
            orders = _with_lines(connection, found)
        return page_of(orders, limit, lambda order: [order.number])

    def order_summaries(self, actor: Actor, *, limit: int, cursor: str | None) -> Page[OrderSummary]:
        """Page through orders without lines, newest first."""
        with lent(self._engine) as connection:
            values = _order_filter(actor, OrderFilter(), limit, cursor)
            found = _all(connection, _orders_seen_by(actor), values, rows.order_summary)
        return page_of(found, limit, lambda order: [order.number])

    def order(self, actor: Actor, order_id: str) -> OrderView:
        """Return one order; one that the actor may not see is not found."""
        with lent(self._engine) as connection:
            return _order(connection, actor, order_id)

    def order_page(self, actor: Actor, order_id: str) -> OrderPage:
        """Return one order with its audit trail and mails."""
        with lent(self._engine) as connection:
            order = _order(connection, actor, order_id)
            timeline = _all(connection, sql.TIMELINE, {"id": order.id, "limit": MAX_TIMELINE}, rows.timeline_entry)
            mails = _all(connection, sql.MAILS_OF_ORDER, {"id": order.id, "limit": MAX_MAILS}, rows.mail_view)
        return OrderPage(order, timeline, mails)

    def live_order(self, actor: Actor, cycle_id: str, store_id: str) -> OrderView | None:
        """Return the store's live order of the cycle."""
        values = {"cycle_id": _known_id(cycle_id), "store_id": _known_id(store_id), **_sight(actor)}
        with lent(self._engine) as connection:
            orders = _with_lines(connection, connection.execute(sql.LIVE_ORDER, values).all())
        return orders[0] if orders else None

    def board(self, actor: Actor, cycle_id: str | None = None) -> Board:
        """Return the staff's board."""
        actor.require_staff()
        with lent(self._engine) as connection:
            mails = _all(connection, sql.UNDELIVERED, {"limit": MAX_BOARD_MAILS}, rows.mail_view)
            statement, values = (sql.CYCLE, {"id": _known_id(cycle_id)}) if cycle_id else (sql.BOARD_CYCLE, {})
            row = connection.execute(statement, values).one_or_none()
            if row is None:
                now = connection.execute(sql.CLOCK).scalar_one()
                return Board(None, now, (), (), (), mails, 0, 0)
            cycle = rows.cycle_view(row)
            of_cycle = {"cycle_id": cycle.id}
            orders = _all(connection, sql.BOARD_ORDERS, {**of_cycle, "limit": MAX_BOARD_ORDERS}, rows.order_summary)
            totals = connection.execute(sql.TOTALS, {**of_cycle, "limit": MAX_BOARD_OFFERS}).all()
            missing = _all(connection, sql.WITHOUT_ORDER, of_cycle, rows.store_view)
        total_cents = sum(order.total_cents for order in orders if order.state is not OrderState.CANCELLED)
        return Board(
            cycle=cycle,
            server_time=cycle.server_time,
            orders=orders,
            totals=tuple(map(rows.offer_total, totals)),
            stores_without_order=missing,
            undelivered_mails=mails,
            total_cents=total_cents,
            offers=totals[0].offers if totals else 0,
        )

    def _today(self, server_time: datetime) -> date:
        return self._usda_today or server_time.astimezone(self._time_zone).date()


def _known_id(text: str) -> str:
    """Say not found to what can't be an id, instead of making the database stumble over it."""
    if not is_id(text):
        raise NotFound("no such id")
    return text


def _sight(actor: Actor) -> dict[str, Any]:
    return {"all": actor.is_staff, "ids": sorted(actor.store_ids)}


def _all(
    connection: Connection, statement: Any, values: dict[str, Any], read: Callable[[Row[Any]], T]
) -> tuple[T, ...]:
    return tuple(read(row) for row in connection.execute(statement, values))


def _one(connection: Connection, statement: Any, values: dict[str, Any], what: str) -> Row[Any]:
    row = connection.execute(statement, values).one_or_none()
    if row is None:
        raise NotFound(f"no such {what}")
    found: Row[Any] = row
    return found


def _order(connection: Connection, actor: Actor, order_id: str) -> OrderView:
    row = _one(connection, sql.ORDER, {"id": _known_id(order_id), **_sight(actor)}, "order")
    return _with_lines(connection, [row])[0]


def _with_lines(connection: Connection, orders: Sequence[Row[Any]]) -> tuple[OrderView, ...]:
    lines: dict[UUID, list[Row[Any]]] = {order.id: [] for order in orders}
    if lines:
        for line in connection.execute(sql.LINES, {"ids": list(map(str, lines))}):
            lines[line.order_id].append(line)
    return tuple(rows.order_view(order, lines[order.id]) for order in orders)


def _orders_seen_by(actor: Actor) -> Any:
    return sql.ORDERS if actor.is_staff else sql.ORDERS_OF_STORES


def _order_filter(actor: Actor, wanted: OrderFilter, limit: int, cursor: str | None) -> dict[str, Any]:
    before = read_cursor(cursor, as_number)
    return {
        **_sight(actor),
        "cycle_id": wanted.cycle_id,
        "store_id": wanted.store_id,
        "since": wanted.updated_since,
        "before": before[0] if before else None,
        "limit": limit + 1,
    }

"""Orders and their lines."""

from collections.abc import Sequence
from dataclasses import replace as changed

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import IntegrityError

from orders.application.ports import StoreRecord
from orders.domain.errors import OrderExists
from orders.domain.order import Order, OrderLine, OrderState

_ONE_LIVE_INDEX = "orders_one_live"
_LIVE = text(
    "SELECT id FROM orders WHERE cycle_id = CAST(:cycle_id AS uuid) AND store_id = CAST(:store_id AS uuid)"
    " AND state <> 'cancelled'"
)
_ADD = text(
    "INSERT INTO orders (id, cycle_id, store_id, state, version, note, total_cents)"
    " VALUES (CAST(:id AS uuid), CAST(:cycle_id AS uuid), CAST(:store_id AS uuid), :state, :version, :note, :total)"
    " RETURNING number, placed_at, updated_at"
)
_LINES = text(
    "INSERT INTO order_lines (order_id, position, offer_id, name, name_es, pack, quantity, unit_price_cents, shorted,"
    " max_unit_price_cents) SELECT CAST(:order_id AS uuid), line.* FROM unnest(CAST(:positions AS integer[]),"
    " CAST(:offers AS uuid[]), CAST(:names AS text[]), CAST(:names_es AS text[]), CAST(:packs AS text[]),"
    " CAST(:quantities AS integer[]),"
    " CAST(:prices AS integer[]), CAST(:shorted AS integer[]), CAST(:limits AS integer[])) AS line"
)
_READ = (
    "SELECT o.id, o.number, o.store_id, s.name AS store_name, o.cycle_id, o.state, o.version, o.note, o.placed_at,"
    " o.updated_at FROM orders o JOIN stores s ON s.id = o.store_id WHERE o.id = CAST(:id AS uuid)"
)
_SEEN = text(_READ)
_LOCK = text(f"{_READ} FOR UPDATE OF o")
_LINES_OF = text(
    "SELECT offer_id, name, name_es, pack, quantity, unit_price_cents, shorted, max_unit_price_cents FROM order_lines"
    " WHERE order_id = CAST(:id AS uuid) ORDER BY position"
)
_UPDATE = text(
    "UPDATE orders SET state = :state, version = :version, note = :note, total_cents = :total,"
    " updated_at = clock_timestamp() WHERE id = CAST(:id AS uuid) RETURNING updated_at"
)
_DROP_LINES = text("DELETE FROM order_lines WHERE order_id = CAST(:id AS uuid)")
_STORE = text(
    "SELECT s.id, s.name, s.active, s.wants_reminder, ARRAY(SELECT CAST(sp.person_id AS text) FROM store_people sp"
    " WHERE sp.store_id = s.id ORDER BY 1) AS people FROM stores s WHERE s.id = CAST(:id AS uuid)"
)


class SqlOrders:
    """`Orders` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def live(self, cycle_id: str, store_id: str) -> str | None:
        """Return the id of the store's live order."""
        found = self._connection.scalar(_LIVE, {"cycle_id": cycle_id, "store_id": store_id})
        return None if found is None else str(found)

    def add(self, order: Order) -> Order:
        """Write order and lines; see the port."""
        values = {
            "id": order.id,
            "cycle_id": order.cycle_id,
            "store_id": order.store_id,
            "state": order.state.value,
            "version": order.version,
            "note": order.note,
            "total": order.total_cents,
        }
        try:
            row = self._connection.execute(_ADD, values).one()
        except IntegrityError as error:
            if _ONE_LIVE_INDEX in str(error.orig):
                # The winner's id can't be read in this failed transaction; whoever needs it reads it in the next.
                raise OrderExists(None) from error
            raise
        self._add_lines(order.id, order.lines)
        return changed(order, number=row.number, placed_at=row.placed_at, updated_at=row.updated_at)

    def read(self, order_id: str) -> Order | None:
        """Return the order with its lines, without a lock."""
        return self._order(_SEEN, order_id)

    def lock(self, order_id: str) -> Order | None:
        """Lock the order's row; return it with its lines."""
        return self._order(_LOCK, order_id)

    def _order(self, statement: TextClause, order_id: str) -> Order | None:
        row = self._connection.execute(statement, {"id": order_id}).one_or_none()
        if row is None:
            return None
        lines = self._connection.execute(_LINES_OF, {"id": order_id}).mappings()
        return Order(
            id=str(row.id),
            number=row.number,
            store_id=str(row.store_id),
            store_name=row.store_name,
            cycle_id=str(row.cycle_id),
            state=OrderState(row.state),
            version=row.version,
            lines=tuple(OrderLine(**{**line, "offer_id": str(line["offer_id"])}) for line in lines),
            note=row.note,
            placed_at=row.placed_at,
            updated_at=row.updated_at,
        )

    def replace(self, order: Order, lines: Sequence[OrderLine]) -> Order:
        """Write the order anew, one version on."""
        self._connection.execute(_DROP_LINES, {"id": order.id})
        self._add_lines(order.id, lines)
        return self._update(changed(order, lines=tuple(lines), version=order.version + 1))

    def set_state(self, order: Order, state: OrderState) -> Order:
        """Move the order to a state, one version on."""
        return self._update(changed(order, state=state, version=order.version + 1))

    def store(self, store_id: str) -> StoreRecord | None:
        """Return a store and its people."""
        row = self._connection.execute(_STORE, {"id": store_id}).one_or_none()
        if row is None:
            return None
        return StoreRecord(str(row.id), row.name, row.active, row.wants_reminder, tuple(row.people))

    def _update(self, order: Order) -> Order:
        values = {
            "id": order.id,
            "state": order.state.value,
            "version": order.version,
            "note": order.note,
            "total": order.total_cents,
        }
        return changed(order, updated_at=self._connection.execute(_UPDATE, values).scalar_one())

    def _add_lines(self, order_id: str, lines: Sequence[OrderLine]) -> None:
        self._connection.execute(
            _LINES,
            {
                "order_id": order_id,
                "positions": list(range(len(lines))),
                "offers": [line.offer_id for line in lines],
                "names": [line.name for line in lines],
                "names_es": [line.name_es for line in lines],
                "packs": [line.pack for line in lines],
                "quantities": [line.quantity for line in lines],
                "prices": [line.unit_price_cents for line in lines],
                "shorted": [line.shorted for line in lines],
                "limits": [line.max_unit_price_cents for line in lines],
            },
        )

"""Standing orders: written and placed in a transaction."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from sqlalchemy import Connection, text

from orders.adapters.standing_rows import LINES, STANDING, standing_order
from orders.application.standing_orders import Drop, Outcome, StandingLine, StandingOrder
from orders.domain.people import Actor, Role

_LOCK = text(f"{STANDING} WHERE s.store_id = CAST(:store_id AS uuid) FOR UPDATE OF s")
_LINES = text(LINES)
_ADD = text(
    "INSERT INTO standing_orders (id, store_id, saved_by, version) VALUES (CAST(:id AS uuid), CAST(:store_id AS uuid),"
    " CAST(:saved_by AS uuid), 0) ON CONFLICT (store_id) DO NOTHING RETURNING updated_at"
)
_UPDATE = text(
    "UPDATE standing_orders SET active = :active, note = :note, saved_by = CAST(:saved_by AS uuid),"
    " version = version + 1, updated_at = clock_timestamp() WHERE id = CAST(:id AS uuid)"
)
_DROP_LINES = text("DELETE FROM standing_order_lines WHERE standing_order_id = CAST(:id AS uuid)")
_ADD_LINES = text(
    "INSERT INTO standing_order_lines (standing_order_id, position, product_id, quantity, max_unit_price_cents)"
    " SELECT CAST(:id AS uuid), line.* FROM unnest(CAST(:positions AS integer[]), CAST(:products AS uuid[]),"
    " CAST(:quantities AS integer[]), CAST(:limits AS integer[])) AS line"
)
_REMOVE = text("DELETE FROM standing_orders WHERE id = CAST(:id AS uuid)")
_KNOWN = text("SELECT id FROM products WHERE id = ANY(CAST(:ids AS uuid[]))")
_LINES_OF_ORDER = text(
    "SELECT f.product_id, least(l.quantity + l.shorted, :most) AS quantity, l.max_unit_price_cents FROM order_lines l"
    " JOIN offers f ON f.id = l.offer_id WHERE l.order_id = CAST(:id AS uuid) AND l.quantity + l.shorted > 0"
    " ORDER BY l.position"
)
_SKIP_OPEN = text(
    "INSERT INTO standing_order_runs (cycle_id, store_id, outcome) SELECT id, CAST(:store_id AS uuid), :outcome"
    " FROM cycles WHERE state = 'open' ORDER BY id ON CONFLICT DO NOTHING"
)
# The order among stores is a draw that everybody can repeat: see orders.application.standing_placement.
_DUE = text(
    "SELECT c.id AS cycle_id, s.store_id FROM cycles c CROSS JOIN standing_orders s"
    " WHERE c.state = 'open' AND c.cutoff_at > clock_timestamp() AND s.active"
    " AND EXISTS (SELECT 1 FROM standing_order_lines l WHERE l.standing_order_id = s.id)"
    " AND NOT EXISTS (SELECT 1 FROM standing_order_runs r WHERE r.cycle_id = c.id AND r.store_id = s.store_id)"
    " ORDER BY c.cutoff_at, c.id, md5(CAST(c.id AS text) || CAST(s.store_id AS text))"
    " LIMIT :limit OFFSET :behind"
)
_CLAIM = text(
    "INSERT INTO standing_order_runs (cycle_id, store_id, outcome) VALUES (CAST(:cycle_id AS uuid),"
    " CAST(:store_id AS uuid), '') ON CONFLICT DO NOTHING RETURNING 1"
)
_FINISH = text(
    "UPDATE standing_order_runs SET outcome = :outcome, order_id = CAST(:order_id AS uuid),"
    " drops = CAST(:drops AS jsonb) WHERE cycle_id = CAST(:cycle_id AS uuid) AND store_id = CAST(:store_id AS uuid)"
)
_OFFERS_OF = text(
    "SELECT id, product_id FROM offers WHERE cycle_id = CAST(:cycle_id AS uuid)"
    " AND product_id = ANY(CAST(:ids AS uuid[]))"
)
_ROLE = text("SELECT role FROM people WHERE id = CAST(:id AS uuid)")
MAX_QUANTITY = 10_000


class SqlStandingOrders:
    """`StandingOrders` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, store_id: str) -> StandingOrder | None:
        """Lock the store's standing order; return it with its lines."""
        row = self._connection.execute(_LOCK, {"store_id": store_id}).one_or_none()
        return None if row is None else standing_order(row, self._connection.execute(_LINES, {"id": row.id}))

    def add(self, standing_id: str, store_id: str, saved_by: str) -> StandingOrder | None:
        """Begin a standing order; see the port."""
        values = {"id": standing_id, "store_id": store_id, "saved_by": saved_by}
        at = self._connection.scalar(_ADD, values)
        return None if at is None else StandingOrder(standing_id, store_id, True, "", 0, saved_by, at, ())

    def replace(self, standing: StandingOrder, lines: Sequence[StandingLine]) -> StandingOrder:
        """Write it anew, one version on."""
        values = {
            "id": standing.id,
            "active": standing.active,
            "note": standing.note,
            "saved_by": standing.saved_by,
            "positions": list(range(len(lines))),
            "products": [line.product_id for line in lines],
            "quantities": [line.quantity for line in lines],
            "limits": [line.max_unit_price_cents for line in lines],
        }
        for statement in (_UPDATE, _DROP_LINES, _ADD_LINES):
            self._connection.execute(statement, values)
        written = self.lock(standing.store_id)
        return written or replace(standing, lines=())

    def remove(self, standing: StandingOrder) -> None:
        """Delete it with its lines."""
        self._connection.execute(_DROP_LINES, {"id": standing.id})
        self._connection.execute(_REMOVE, {"id": standing.id})

    def known_products(self, product_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the products that exist."""
        return frozenset(str(row.id) for row in self._connection.execute(_KNOWN, {"ids": list(product_ids)}))

    def lines_of(self, order_id: str) -> Sequence[StandingLine]:
        """Return what was asked for in an order."""
        rows = self._connection.execute(_LINES_OF_ORDER, {"id": order_id, "most": MAX_QUANTITY})
        return [StandingLine(str(row.product_id), row.quantity, row.max_unit_price_cents) for row in rows]

    def skip_open_days(self, store_id: str) -> None:
        """Note that it came too late for the days that are open."""
        self._connection.execute(_SKIP_OPEN, {"store_id": store_id, "outcome": Outcome.SAVED_LATER.value})

    def due(self, limit: int, *, behind: int = 0) -> Sequence[tuple[str, str]]:
        """Return what is to be placed; see the port."""
        rows = self._connection.execute(_DUE, {"limit": limit, "behind": behind})
        return [(str(row.cycle_id), str(row.store_id)) for row in rows]

    def claim(self, cycle_id: str, store_id: str) -> bool:
        """Take the store's place in the day; waits for another transaction that holds it."""
        return self._connection.scalar(_CLAIM, {"cycle_id": cycle_id, "store_id": store_id}) is not None

    def finish(
        self, cycle_id: str, store_id: str, outcome: Outcome, *, order_id: str | None = None, drops: Sequence[Drop] = ()
    ) -> None:
        """Write what became of it."""
        values = {
            "cycle_id": cycle_id,
            "store_id": store_id,
            "outcome": outcome.value,
            "order_id": order_id,
            "drops": json.dumps([asdict(drop) for drop in drops]),
        }
        self._connection.execute(_FINISH, values)

    def offers_of(self, cycle_id: str, product_ids: Iterable[str]) -> Mapping[str, str]:
        """Return offer ids by product id."""
        rows = self._connection.execute(_OFFERS_OF, {"cycle_id": cycle_id, "ids": list(product_ids)})
        return {str(row.product_id): str(row.id) for row in rows}

    def actor(self, person_id: str, store_id: str) -> Actor:
        """Return a person as somebody who orders for the store."""
        role = self._connection.execute(_ROLE, {"id": person_id}).scalar_one()
        return Actor(person_id, Role(role), frozenset({store_id}))

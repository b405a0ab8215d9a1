"""`PlannedCycles` on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import Connection, text

from orders.adapters.cycles import CYCLE, PASS_ALONE, cycle_of
from orders.domain.cycle import Cycle
from orders.domain.people import Actor, Role
from orders.domain.planning import Plan

_RETURNING = CYCLE.removeprefix("SELECT ").removesuffix(" FROM cycles")
_READ = text(f"{CYCLE} WHERE id = CAST(:id AS uuid)")
_LOCK = text(f"{CYCLE} WHERE id = CAST(:id AS uuid) FOR UPDATE")
_ADD = text(
    "INSERT INTO cycles (id, name, state, opens_at, cutoff_at, delivery_on, remind_at, packing_at, copied_from)"
    " VALUES (CAST(:id AS uuid), :name, 'scheduled', :opens_at, :cutoff_at, :delivery_on, :remind_at, :packing_at,"
    f" CAST(:copied_from AS uuid)) RETURNING {_RETURNING}"
)
_CHANGE = text(
    "UPDATE cycles SET name = :name, opens_at = :opens_at, cutoff_at = :cutoff_at, delivery_on = :delivery_on,"
    " remind_at = :remind_at, packing_at = :packing_at, version = version + 1 WHERE id = CAST(:id AS uuid)"
    f" RETURNING {_RETURNING}"
)
_CANCEL = text(
    "UPDATE cycles SET state = 'cancelled', cancel_reason = :reason, cancelled_by = CAST(:person_id AS uuid),"
    f" version = version + 1 WHERE id = CAST(:id AS uuid) RETURNING {_RETURNING}"
)
_DELIVERY_DAYS = text(
    "SELECT DISTINCT delivery_on FROM cycles WHERE state <> 'cancelled' AND delivery_on >= current_date - 1"
)
_DUE_TO_PACK = text(
    f"{CYCLE} WHERE state = 'closed' AND packing_at <= clock_timestamp() ORDER BY packing_at, id FOR UPDATE SKIP LOCKED"
)
# A lock of its own instead of one on the row: who changes an order holds the order and wants the row, the clock holds
# the row's orders.
_WINDING_UP = text(
    "SELECT id FROM cycles WHERE state = 'cancelled' AND wound_up_at IS NULL"
    " AND pg_try_advisory_xact_lock(1668899693, hashtext(CAST(id AS text))) ORDER BY id LIMIT 1"
)
_CANCELLED_BY = text(
    "SELECT p.id, p.role FROM cycles c JOIN people p ON p.id = c.cancelled_by WHERE c.id = CAST(:id AS uuid)"
)
_LIVE_ORDERS = text(
    "SELECT id FROM orders WHERE cycle_id = CAST(:id AS uuid) AND state IN ('placed', 'packed')"
    " ORDER BY number LIMIT :limit"
)
_WOUND_UP = text("UPDATE cycles SET wound_up_at = clock_timestamp() WHERE id = CAST(:id AS uuid)")


class SqlPlannedCycles:
    """`PlannedCycles` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, cycle_id: str) -> Cycle | None:
        """Hold the market day alone; see the port."""
        self._connection.execute(PASS_ALONE, {"id": cycle_id})
        row = self._connection.execute(_LOCK, {"id": cycle_id}).one_or_none()
        return None if row is None else cycle_of(row)

    def read(self, cycle_id: str) -> Cycle | None:
        """Return the market day without holding it."""
        row = self._connection.execute(_READ, {"id": cycle_id}).one_or_none()
        return None if row is None else cycle_of(row)

    def add(self, cycle_id: str, plan: Plan, copied_from: str | None) -> Cycle:
        """Write a scheduled market day."""
        values = {"id": cycle_id, "copied_from": copied_from, **asdict(plan)}
        return cycle_of(self._connection.execute(_ADD, values).one())

    def change(self, cycle_id: str, plan: Plan) -> Cycle:
        """Write the plan, one version on."""
        return cycle_of(self._connection.execute(_CHANGE, {"id": cycle_id, **asdict(plan)}).one())

    def cancel(self, cycle_id: str, actor: Actor, reason: str) -> Cycle:
        """Move the market day to its end."""
        values = {"id": cycle_id, "reason": reason, "person_id": actor.person_id}
        return cycle_of(self._connection.execute(_CANCEL, values).one())

    def delivery_days(self) -> frozenset[date]:
        """Return the days that are taken; see the port."""
        return frozenset(self._connection.scalars(_DELIVERY_DAYS))

    def due_to_pack(self) -> Sequence[Cycle]:
        """Lock what should be packed; see the port."""
        return [cycle_of(row) for row in self._connection.execute(_DUE_TO_PACK)]

    def winding_up(self) -> tuple[Cycle, Actor | None] | None:
        """Return a cancelled market day with orders left; see the port."""
        found = self._connection.scalar(_WINDING_UP)
        cycle = None if found is None else self.read(str(found))
        if cycle is None:
            return None
        row = self._connection.execute(_CANCELLED_BY, {"id": cycle.id}).one_or_none()
        return cycle, None if row is None else Actor(str(row.id), Role(row.role), frozenset())

    def live_orders(self, cycle_id: str, limit: int) -> Sequence[str]:
        """Return the ids of orders that are placed or packed."""
        return [str(row.id) for row in self._connection.execute(_LIVE_ORDERS, {"id": cycle_id, "limit": limit})]

    def wound_up(self, cycle_id: str) -> None:
        """Note that no order is left to cancel."""
        self._connection.execute(_WOUND_UP, {"id": cycle_id})

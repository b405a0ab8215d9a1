"""Which stores have ordered for which market day, as far as events told: a store that has is reminded of nothing.

An order that was cancelled stays so, whatever comes later: told late, twice or in another order, events say the same.
"""

from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection, text

from notify.readings import ChangedOrder, PlacedOrder

# Longer than any market day is open; a reminder is asked about until its cutoff.
KEPT = timedelta(days=90)
FORGET_BATCH = 500
HAS_ORDERED = "the store has ordered meanwhile"

_ORDERED = text("""
    INSERT INTO day_orders (order_id, cycle_id, store_id, cancelled) VALUES (:order_id, :cycle_id, :store_id, false)
    ON CONFLICT (order_id) DO NOTHING
""")
_CANCELLED = text("""
    INSERT INTO day_orders (order_id, cycle_id, store_id, cancelled) VALUES (:order_id, :cycle_id, :store_id, true)
    ON CONFLICT (order_id) DO UPDATE SET cancelled = true
""")
_EXISTS = text("""
    SELECT EXISTS (
        SELECT FROM day_orders WHERE cycle_id = :cycle_id AND store_id = :store_id AND NOT cancelled)
""")
_FORGET = text("""
    DELETE FROM day_orders WHERE order_id IN (
        SELECT order_id FROM day_orders WHERE at < now() - :kept ORDER BY at LIMIT :batch)
""")


def note_order(connection: Connection, event: Event) -> None:
    """Remember an order that was placed or changed."""
    _note(connection, PlacedOrder.of(event.data), is_cancelled=False)


def note_cancellation(connection: Connection, event: Event) -> None:
    """Remember that an order was cancelled."""
    _note(connection, ChangedOrder.of(event.data), is_cancelled=True)


def has_ordered(connection: Connection, cycle_id: str, store_id: str) -> bool:
    """Say whether the store has an order of that day which is not cancelled."""
    return bool(connection.scalar(_EXISTS, {"cycle_id": cycle_id, "store_id": store_id}))


def forget_old(connection: Connection) -> None:
    """Delete a batch of orders of days long past."""
    connection.execute(_FORGET, {"kept": KEPT, "batch": FORGET_BATCH})


def _note(connection: Connection, order: PlacedOrder, *, is_cancelled: bool) -> None:
    if order.cycle_id is not None:
        values = {"order_id": order.order_id, "cycle_id": order.cycle_id, "store_id": order.store_id}
        connection.execute(_CANCELLED if is_cancelled else _ORDERED, values)

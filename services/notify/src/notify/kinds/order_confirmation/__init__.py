"""To everyone of the store, when an order was placed for it, whoever placed it."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.contacts import Contact, people_of_store
from notify.kinds.kind import Kind
from notify.readings import PlacedOrder


def _recipients(connection: Connection, order: PlacedOrder) -> list[Contact]:
    return people_of_store(connection, order.store_id)


KIND = Kind(
    name="order_confirmation",
    event_type="orders.order.placed.v1",
    reading=PlacedOrder,
    expires_after=timedelta(hours=48),
    about=lambda order: order.order_id,
    store_id=lambda order: order.store_id,
    order_id=lambda order: order.order_id,
    recipients=_recipients,
)

"""To everyone of the store, when its order was cancelled, whoever cancelled it."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.contacts import Contact, people_of_store
from notify.kinds.kind import Kind
from notify.readings import ChangedOrder


def _recipients(connection: Connection, order: ChangedOrder) -> list[Contact]:
    return people_of_store(connection, order.store_id)


KIND = Kind(
    name="order_cancelled",
    event_type="orders.order.cancelled.v1",
    reading=ChangedOrder,
    expires_after=timedelta(hours=48),
    about=lambda order: order.order_id,
    store_id=lambda order: order.store_id,
    order_id=lambda order: order.order_id,
    recipients=_recipients,
)

"""To everyone of the store, each time its order was changed, whoever changed it."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.contacts import Contact, people_of_store
from notify.kinds.kind import Kind
from notify.readings import ChangedOrder


def _recipients(connection: Connection, order: ChangedOrder) -> list[Contact]:
    return people_of_store(connection, order.store_id)


KIND = Kind(
    name="order_changed",
    event_type="orders.order.amended.v1",
    reading=ChangedOrder,
    expires_after=timedelta(hours=48),
    about=lambda order: f"{order.order_id}:{order.version}",
    store_id=lambda order: order.store_id,
    order_id=lambda order: order.order_id,
    recipients=_recipients,
)

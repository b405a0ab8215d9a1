"""To everyone of the store, when an order was placed for it, whoever placed it; not after news of its change or end."""

from datetime import timedelta

from notify.kinds.kind import Group, Kind
from notify.readings import PlacedOrder
from notify.recipients.newer_news import overtaken

KIND = Kind(
    name="order_confirmation",
    group=Group.ORDERS,
    event_type="orders.order.placed.v1",
    reading=PlacedOrder,
    expires_after=timedelta(hours=48),
    about=lambda order: order.order_id,
    store_id=lambda order: order.store_id,
    order_id=lambda order: order.order_id,
    moot=lambda connection, order, person_id: overtaken(connection, order.order_id, person_id),
)

"""To everyone of the store, when its order was cancelled, whoever cancelled it."""

from datetime import timedelta

from notify.kinds.kind import Group, Kind
from notify.readings import TracedOrder
from notify.recipients.contacts import traced

KIND = Kind(
    name="order_cancelled",
    group=Group.ORDERS,
    event_type="orders.order.cancelled.v1",
    reading=TracedOrder,
    expires_after=timedelta(hours=48),
    about=lambda order: order.order_id,
    store_id=lambda order: order.store_id,
    order_id=lambda order: order.order_id,
    of_event=traced,
)

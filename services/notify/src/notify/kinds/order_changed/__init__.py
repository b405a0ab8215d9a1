"""To everyone of the store, each time its order was changed, whoever changed it; not after a newer one was sent."""

from datetime import timedelta

from notify.kinds.kind import Group, Kind
from notify.readings import TracedOrder
from notify.recipients.contacts import traced
from notify.recipients.newer_news import overtaken

KIND = Kind(
    name="order_changed",
    group=Group.ORDERS,
    event_type="orders.order.amended.v1",
    reading=TracedOrder,
    expires_after=timedelta(hours=48),
    about=lambda order: f"{order.order_id}:{order.version}",
    store_id=lambda order: order.store_id,
    order_id=lambda order: order.order_id,
    moot=lambda connection, order, person_id: overtaken(connection, order.order_id, person_id, order.version),
    of_event=traced,
)

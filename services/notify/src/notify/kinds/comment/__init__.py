"""To the other side, when somebody wrote about an order: the store's words to the hub, the hub's to the store."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.day_readings import Comment
from notify.kinds.kind import Group, Kind
from notify.recipients.contacts import Contact, people_of_store, staff


def _recipients(connection: Connection, comment: Comment) -> list[Contact]:
    return staff(connection) if comment.is_of_store else people_of_store(connection, comment.store_id)


KIND = Kind(
    name="comment",
    group=Group.ORDERS,
    event_type="orders.comment.posted.v1",
    reading=Comment,
    expires_after=timedelta(hours=48),
    about=lambda comment: comment.comment_id,
    store_id=lambda comment: comment.store_id,
    order_id=lambda comment: comment.order_id,
    recipients=_recipients,
)

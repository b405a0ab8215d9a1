"""To everyone who orders for a store, and to those who work at the hub: once a week, what the market's prices did."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.kinds.kind import Group, Kind, Priority
from notify.market.digest import Digest
from notify.market.drawing import chart
from notify.recipients.contacts import Contact, buyers, staff


def _recipients(connection: Connection, _: Digest) -> list[Contact]:
    return [*buyers(connection), *staff(connection)]


KIND = Kind(
    name="price_digest",
    group=Group.DIGEST,
    event_type=None,
    reading=Digest,
    # The next one is due before, whatever the change of clocks.
    expires_after=timedelta(days=8),
    about=lambda digest: digest.week,
    recipients=_recipients,
    ends_at=lambda digest: digest.next_at,
    can_wait=True,
    priority=Priority.BULK,
    again_when_unanswered=False,
    draw=chart,
)

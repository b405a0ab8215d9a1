"""To everyone who orders for a store, when a market day that had opened is cancelled.

Whoever had ordered hears of the own order besides. A day that nobody was told of goes without a mail.
"""

from collections.abc import Sequence
from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection

from notify.day_readings import CancelledDay
from notify.kinds.audiences import to_buyers
from notify.kinds.kind import Group, Kind


def _of_event(_: Connection, event: Event) -> Sequence[CancelledDay]:
    day = CancelledDay.of(event.data)
    return (day,) if day.had_opened else ()


KIND = Kind(
    name="cycle_cancelled",
    group=Group.ORDERS,
    event_type="orders.cycle.cancelled.v1",
    reading=CancelledDay,
    expires_after=timedelta(hours=48),
    about=lambda day: day.cycle_id,
    recipients=to_buyers,
    of_event=_of_event,
)

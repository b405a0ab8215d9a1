"""To everyone who orders for a store, when a market day opens: what stores order most, with its prices."""

from collections.abc import Sequence
from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection

from notify.day_readings import OpenedDay
from notify.kinds.audiences import to_buyers
from notify.kinds.kind import Group, Kind, Priority
from notify.recipients.cancelled_days import IS_CANCELLED, is_cancelled


def _of_event(_: Connection, event: Event) -> Sequence[OpenedDay]:
    day = OpenedDay.of(event.data)
    # Told again, it is no news; and there is nothing to order on a day without offers.
    return () if day.republished or day.offers_total == 0 else (day,)


def _moot(connection: Connection, day: OpenedDay, _person_id: str) -> str | None:
    return IS_CANCELLED if is_cancelled(connection, day.cycle_id) else None


KIND = Kind(
    name="price_list",
    group=Group.REMINDERS,
    event_type="orders.cycle.opened.v1",
    reading=OpenedDay,
    expires_after=timedelta(hours=48),
    about=lambda day: day.cycle_id,
    recipients=to_buyers,
    ends_at=lambda day: day.cutoff_at,
    moot=_moot,
    can_wait=True,
    of_event=_of_event,
    priority=Priority.BULK,
    again_when_unanswered=False,
)

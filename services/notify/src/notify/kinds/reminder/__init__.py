"""To everyone of a store that has not ordered, shortly before the cutoff; not to stores that want no reminder.

One that waits is withdrawn (``suppressed``) when the store orders meanwhile, and is due again when it takes that order
back: see ``queueing/withdrawals.py``. When the day is cancelled, it is withdrawn for good.
"""

from collections.abc import Sequence
from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection

from notify.day_readings import ClosingDay, StoreReminder
from notify.kinds.kind import Group, Kind
from notify.recipients.cancelled_days import IS_CANCELLED, is_cancelled
from notify.recipients.ordered import HAS_ORDERED, has_ordered
from notify.recipients.stores import to_remind


def _of_event(connection: Connection, event: Event) -> Sequence[StoreReminder]:
    day = ClosingDay.of(event.data)
    return [
        StoreReminder(
            cycle_id=day.cycle_id,
            cutoff_at=day.cutoff_at,
            delivery_on=day.delivery_on,
            store_id=store_id,
            store_name=name,
        )
        for store_id, name in to_remind(connection, day.stores_without_order)
    ]


def _moot(connection: Connection, about: StoreReminder, _person_id: str) -> str | None:
    if is_cancelled(connection, about.cycle_id):
        return IS_CANCELLED
    return HAS_ORDERED if has_ordered(connection, about.cycle_id, about.store_id) else None


def about_store(cycle_id: str, store_id: str) -> str:
    """Return what a store's reminder of a market day is about."""
    return f"{cycle_id}:{store_id}"


KIND = Kind(
    name="reminder",
    group=Group.REMINDERS,
    event_type="orders.cycle.closing.v1",
    reading=StoreReminder,
    expires_after=timedelta(hours=24),
    about=lambda about: about_store(about.cycle_id, about.store_id),
    store_id=lambda about: about.store_id,
    ends_at=lambda about: about.cutoff_at,
    of_event=_of_event,
    moot=_moot,
)

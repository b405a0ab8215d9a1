"""To everyone who works at the hub, when a market day closed: what came together."""

from datetime import timedelta

from notify.day_readings import ClosedDay
from notify.kinds.audiences import to_staff
from notify.kinds.kind import Group, Kind

KIND = Kind(
    name="closing_summary",
    group=Group.OPERATIONS,
    event_type="orders.cycle.closed.v1",
    reading=ClosedDay,
    expires_after=timedelta(hours=48),
    about=lambda day: day.cycle_id,
    recipients=to_staff,
)

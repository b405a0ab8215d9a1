"""To those who run the hub's system, when events could not be handled: once a day for each durable."""

from datetime import timedelta

from notify.alarm_readings import UnhandledEvents
from notify.kinds.audiences import to_admins
from notify.kinds.kind import Group, Kind, Priority

KIND = Kind(
    name="alarm_events",
    group=Group.OPERATIONS,
    event_type=None,
    reading=UnhandledEvents,
    expires_after=timedelta(hours=48),
    about=lambda alarm: f"{alarm.durable}:{alarm.at.date().isoformat()}",
    recipients=to_admins,
    priority=Priority.URGENT,
)

"""To those who run the hub's system, when a mail relay could not be used for long: once a day for each."""

from datetime import timedelta

from notify.alarm_readings import AwayRelays
from notify.kinds.audiences import to_admins
from notify.kinds.kind import Group, Kind, Priority

KIND = Kind(
    name="alarm_relay",
    group=Group.OPERATIONS,
    event_type=None,
    reading=AwayRelays,
    expires_after=timedelta(hours=48),
    about=lambda alarm: f"{alarm.names}:{alarm.at.date().isoformat()}",
    recipients=to_admins,
    priority=Priority.URGENT,
)

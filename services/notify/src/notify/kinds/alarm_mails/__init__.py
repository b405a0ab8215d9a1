"""To those who run the hub's system, when mails about accounts or orders were given up: at most once a day."""

from datetime import timedelta

from notify.alarm_readings import GivenUpMails
from notify.kinds.audiences import to_admins
from notify.kinds.kind import Group, Kind, Priority

KIND = Kind(
    name="alarm_mails",
    group=Group.OPERATIONS,
    event_type=None,
    reading=GivenUpMails,
    expires_after=timedelta(hours=48),
    about=lambda alarm: alarm.at.date().isoformat(),
    recipients=to_admins,
    priority=Priority.URGENT,
)

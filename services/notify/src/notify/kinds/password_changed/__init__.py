"""To the owner of a password that was chosen or changed: whoever did not do it must hear of it."""

from datetime import timedelta

from notify.kinds.audiences import to_person
from notify.kinds.kind import Group, Kind, Priority
from notify.readings import PasswordChange

KIND = Kind(
    name="password_changed",
    group=Group.SECURITY,
    event_type="accounts.password.changed.v1",
    reading=PasswordChange,
    expires_after=timedelta(hours=48),
    about=lambda change: f"{change.person_id}:{change.at.isoformat()}",
    recipients=to_person,
    priority=Priority.URGENT,
)

"""To somebody who forgot the password: the link to choose another."""

from datetime import timedelta

from notify.kinds.audiences import to_person
from notify.kinds.kind import Group, Kind, Priority
from notify.readings import MailedLink

KIND = Kind(
    name="password_reset",
    group=Group.SECURITY,
    event_type="accounts.password_reset.requested.v1",
    reading=MailedLink,
    expires_after=timedelta(hours=1),
    # A newer link makes the older one useless, so each is mailed; the link itself must not get into a key.
    about=lambda link: f"{link.person_id}:{link.expires_at.isoformat()}",
    recipients=to_person,
    ends_at=lambda link: link.expires_at,
    priority=Priority.URGENT,
)

"""To somebody who was invited: the link to choose the first password."""

from datetime import timedelta

from notify.kinds.audiences import to_person
from notify.kinds.kind import Group, Kind, Priority
from notify.readings import MailedLink

KIND = Kind(
    name="invitation",
    group=Group.SECURITY,
    event_type="accounts.invitation.issued.v1",
    reading=MailedLink,
    expires_after=timedelta(days=7),
    # A newer link makes the older one useless, so each is mailed; the link itself must not get into a key.
    about=lambda link: f"{link.person_id}:{link.expires_at.isoformat()}",
    recipients=to_person,
    ends_at=lambda link: link.expires_at,
    priority=Priority.URGENT,
)

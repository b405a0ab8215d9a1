"""To somebody who was invited: the link to choose the first password."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.contacts import Contact, active_person
from notify.kinds.kind import Kind
from notify.readings import MailedLink


def _recipients(connection: Connection, about: MailedLink) -> list[Contact]:
    person = active_person(connection, about.person_id)
    return [] if person is None else [person]


KIND = Kind(
    name="invitation",
    event_type="accounts.invitation.issued.v1",
    reading=MailedLink,
    expires_after=timedelta(days=7),
    # A newer link makes the older one useless, so each is mailed; the link itself must not get into a key.
    about=lambda link: f"{link.person_id}:{link.expires_at.isoformat()}",
    store_id=lambda _: None,
    order_id=lambda _: None,
    recipients=_recipients,
    ends_at=lambda link: link.expires_at,
)

"""To the owner of a password that was chosen or changed: whoever did not do it must hear of it."""

from datetime import timedelta

from sqlalchemy import Connection

from notify.contacts import Contact, active_person
from notify.kinds.kind import Kind
from notify.readings import PasswordChange


def _recipients(connection: Connection, change: PasswordChange) -> list[Contact]:
    person = active_person(connection, change.person_id)
    return [] if person is None else [person]


KIND = Kind(
    name="password_changed",
    event_type="accounts.password.changed.v1",
    reading=PasswordChange,
    expires_after=timedelta(hours=48),
    about=lambda change: f"{change.person_id}:{change.at.isoformat()}",
    store_id=lambda _: None,
    order_id=lambda _: None,
    recipients=_recipients,
)

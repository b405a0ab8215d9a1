"""Who can be written to: what ``accounts.contact.changed.v1`` told last, by version."""

from dataclasses import dataclass

from mercadito_events.envelope import Event
from sqlalchemy import Connection, Row, text

from notify.formats import Language, language_of
from notify.readings import ContactChange

_APPLY = text("""
    INSERT INTO contacts (person_id, email, name, locale, time_zone, role, store_ids, active, version)
    VALUES (:person_id, :email, :name, :locale, :time_zone, :role, :store_ids, :active, :version)
    ON CONFLICT (person_id) DO UPDATE SET
        email = excluded.email, name = excluded.name, locale = excluded.locale, time_zone = excluded.time_zone,
        role = excluded.role, store_ids = excluded.store_ids, active = excluded.active, version = excluded.version,
        updated_at = now()
    WHERE contacts.version < excluded.version
""")
# Orders and accounts are independent streams: an order, or a link, may have been waiting for this person.
_WAKE = text("""
    UPDATE intents SET look_at = now()
    WHERE state = 'waiting' AND (store_id = ANY(:store_ids) OR data ->> 'person_id' = :person_id)
""")
_OF_STORE = text("""
    SELECT person_id, email, name, locale FROM contacts
    WHERE active AND store_ids @> ARRAY[:store_id] ORDER BY person_id
""")
_ONE = text("SELECT person_id, email, name, locale FROM contacts WHERE active AND person_id = :person_id")


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone active, as a mail needs to know them."""

    person_id: str
    email: str
    name: str
    language: Language


def change_contact(connection: Connection, event: Event) -> None:
    """Keep the newest version of a contact and wake what waits for the people of its stores."""
    change = ContactChange.of(event.data)
    values = change.model_dump() | {"store_ids": list(change.store_ids)}
    connection.execute(_APPLY, values)
    if change.active:
        connection.execute(_WAKE, {"store_ids": values["store_ids"], "person_id": change.person_id})


def people_of_store(connection: Connection, store_id: str) -> list[Contact]:
    """Return the active people of a store, in a stable order; empty also when none is known yet."""
    return [_contact(row) for row in connection.execute(_OF_STORE, {"store_id": store_id})]


def active_person(connection: Connection, person_id: str) -> Contact | None:
    """Return the person as known now, or None when unknown or no longer active."""
    row = connection.execute(_ONE, {"person_id": person_id}).one_or_none()
    return None if row is None else _contact(row)


def _contact(row: Row[tuple[str, str, str, str]]) -> Contact:
    return Contact(row.person_id, row.email, row.name, language_of(row.locale))

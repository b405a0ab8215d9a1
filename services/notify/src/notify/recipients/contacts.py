"""Who can be written to: what ``accounts.contact.changed.v1`` told last, by version."""

from collections.abc import Collection
from dataclasses import dataclass

from mercadito_events.envelope import Event
from sqlalchemy import Connection, Row, text

from notify.readings import ChangedOrder, ContactChange, TracedOrder
from notify.writing.formats import Language, language_of

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
_OF_STORES = text("""
    SELECT person_id, email, name, locale, store_ids FROM contacts
    WHERE active AND store_ids && CAST(:store_ids AS text[]) ORDER BY person_id
""")
_BUYERS = text("""
    SELECT person_id, email, name, locale, store_ids FROM contacts
    WHERE active AND role = 'buyer' AND cardinality(store_ids) > 0 ORDER BY person_id
""")
_WITH_ROLE = text("""
    SELECT person_id, email, name, locale, store_ids FROM contacts
    WHERE active AND role = ANY (CAST(:roles AS text[])) ORDER BY person_id
""")
_NAME = text("SELECT name FROM contacts WHERE person_id = :person_id")
_NAMES = text("SELECT person_id, name FROM contacts WHERE person_id = ANY (CAST(:person_ids AS text[]))")
_ONE = text("SELECT person_id, email, name, locale, store_ids FROM contacts WHERE active AND person_id = :person_id")
_SOME = text(
    "SELECT person_id, email, name, locale, store_ids FROM contacts WHERE active AND person_id = ANY(:person_ids)"
)


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone active, as a mail needs to know them."""

    person_id: str
    email: str
    name: str
    language: Language
    store_ids: tuple[str, ...] = ()


def change_contact(connection: Connection, event: Event) -> None:
    """Keep the newest version of a contact and wake what waits for the people of its stores."""
    change = ContactChange.of(event.data)
    values = change.model_dump() | {"store_ids": list(change.store_ids)}
    connection.execute(_APPLY, values)
    if change.active:
        connection.execute(_WAKE, {"store_ids": values["store_ids"], "person_id": change.person_id})


def people_of_store(connection: Connection, store_id: str) -> list[Contact]:
    """Return the active people of a store, in a stable order; empty also when none is known yet."""
    return people_of_stores(connection, {store_id})[store_id]


def people_of_stores(connection: Connection, store_ids: Collection[str]) -> dict[str, list[Contact]]:
    """Return the same for several stores by one query; each of them is there, also without anybody."""
    people: dict[str, list[Contact]] = {store_id: [] for store_id in store_ids}
    rows = connection.execute(_OF_STORES, {"store_ids": sorted(people)}) if people else ()
    for row in rows:
        for store_id in people.keys() & row.store_ids:
            people[store_id].append(_contact(row))
    return people


def buyers(connection: Connection) -> list[Contact]:
    """Return the active people of all stores."""
    return [_contact(row) for row in connection.execute(_BUYERS)]


def staff(connection: Connection) -> list[Contact]:
    """Return everyone who works at the hub."""
    return [_contact(row) for row in connection.execute(_WITH_ROLE, {"roles": ["staff", "admin"]})]


def admins(connection: Connection) -> list[Contact]:
    """Return those who run the hub's system."""
    return [_contact(row) for row in connection.execute(_WITH_ROLE, {"roles": ["admin"]})]


def traced(connection: Connection, event: Event) -> tuple[TracedOrder]:
    """Read a changed order and add the name of whoever changed it, active or not; empty when unknown."""
    order = ChangedOrder.of(event.data)
    name = connection.scalar(_NAME, {"person_id": order.actor.person_id}) if order.actor else None
    return (TracedOrder(**order.model_dump(), actor_name=name or ""),)


def names(connection: Connection, person_ids: Collection[str]) -> dict[str, str]:
    """Return the names of those of the people who are known, active or not."""
    rows = connection.execute(_NAMES, {"person_ids": sorted(person_ids)})
    return {row.person_id: row.name for row in rows}


def active_person(connection: Connection, person_id: str) -> Contact | None:
    """Return the person as known now, or None when unknown or no longer active."""
    row = connection.execute(_ONE, {"person_id": person_id}).one_or_none()
    return None if row is None else _contact(row)


def active_people(connection: Connection, person_ids: Collection[str]) -> dict[str, Contact]:
    """Return those of the people who are known and active now."""
    rows = connection.execute(_SOME, {"person_ids": sorted(set(person_ids))}) if person_ids else ()
    return {row.person_id: _contact(row) for row in rows}


def domain_of(address: str) -> str:
    """Return what stands behind the at sign, as domains are compared."""
    return address.rpartition("@")[2].lower()


def _contact(row: Row[tuple[str, str, str, str, list[str]]]) -> Contact:
    return Contact(row.person_id, row.email, row.name, language_of(row.locale), tuple(row.store_ids))

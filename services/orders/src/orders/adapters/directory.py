"""`Directory` on a connection: stores, people and which of them belong together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, TextClause
from sqlalchemy.exc import IntegrityError

from orders.adapters import directory_rows as rows
from orders.adapters import directory_sql as sql
from orders.application.directory_views import PersonCard, StoreCard
from orders.application.ports import ContactRecord, StoreRecord
from orders.domain.directory import Flaw, Flawed, InvalidFields, Person, Store
from orders.domain.errors import NotFound
from orders.domain.people import Role

_LOCK_KEY = 0x6D65726361646974
"""Any number that nothing else in this database locks; this one spells "mercadit"."""
_EMAIL_INDEX = "people_email"


class SqlDirectory:
    """`Directory` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self) -> None:
        """Take the one lock of the directory; the session's lock timeout bounds the wait."""
        self._connection.execute(sql.HOLD, {"key": _LOCK_KEY})

    def role_now(self, person_id: str) -> Role | None:
        """Return the role an active person has now."""
        role = self._connection.scalar(sql.ROLE_NOW, {"id": person_id})
        return None if role is None else Role(role)

    def store(self, store_id: str) -> Store | None:
        """Lock a store; see the port."""
        row = self._connection.execute(sql.LOCK_STORE, {"id": store_id}).one_or_none()
        if row is None:
            return None
        people = frozenset(str(found) for found in self._connection.scalars(sql.PEOPLE_OF, {"id": store_id}))
        return Store(**{**row._mapping, "id": str(row.id), "people": people})  # noqa: SLF001 - SQLAlchemy's public name

    def person(self, person_id: str) -> Person | None:
        """Lock a person; see the port."""
        row = self._connection.execute(sql.LOCK_PERSON, {"id": person_id}).one_or_none()
        if row is None:
            return None
        stores = frozenset(str(found) for found in self._connection.scalars(sql.STORES_OF, {"id": person_id}))
        return rows.person(row, stores)

    def store_card(self, store_id: str) -> StoreCard:
        """Return a store as it now reads."""
        row = self._connection.execute(sql.STORE, {"id": store_id}).one_or_none()
        if row is None:
            raise NotFound("no such store")
        return rows.store_card(row)

    def person_card(self, person_id: str) -> PersonCard:
        """Return a person as it now reads."""
        row = self._connection.execute(sql.PERSON, {"id": person_id}).one_or_none()
        if row is None:
            raise NotFound("no such person")
        return rows.person_card(row)

    def store_names(self, store_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of stores that exist."""
        found = self._connection.execute(sql.NAMES_OF_STORES, {"ids": sorted(store_ids)})
        return {str(row.id): row.name for row in found}

    def people(self, person_ids: Iterable[str]) -> Mapping[str, Person]:
        """Lock people and return those that exist."""
        found = self._connection.execute(sql.SOME_PEOPLE, {"ids": sorted(person_ids)})
        return {str(row.id): rows.person(row) for row in found}

    def is_name_taken(self, name: str, except_store_id: str) -> bool:
        """Tell whether another active store has the name."""
        return bool(self._connection.scalar(sql.NAME_TAKEN, {"name": name, "id": except_store_id}))

    def is_email_taken(self, email: str, except_person_id: str) -> bool:
        """Tell whether somebody else has the address."""
        return bool(self._connection.scalar(sql.EMAIL_TAKEN, {"email": email, "id": except_person_id}))

    def add_store(self, store: Store) -> None:
        """Write a new store."""
        self._connection.execute(sql.ADD_STORE, asdict(store))

    def save_store(self, store: Store) -> None:
        """Write a store, one version on."""
        self._connection.execute(sql.SAVE_STORE, asdict(store))

    def add_person(self, person: Person) -> None:
        """Write a new person."""
        self._write_person(sql.ADD_PERSON, person)

    def save_person(self, person: Person) -> None:
        """Write a person, one version on."""
        self._write_person(sql.SAVE_PERSON, person)

    def tie(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Let people order for stores."""
        self._move(sql.TIE, pairs)

    def untie(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Let people no longer order for stores."""
        self._move(sql.UNTIE, pairs)

    def next_versions(self, *, stores: Iterable[str] = (), people: Iterable[str] = ()) -> None:
        """Take stores and people one version on."""
        for statement, ids in ((sql.NEXT_STORES, sorted(stores)), (sql.NEXT_PEOPLE, sorted(people))):
            if ids:
                self._connection.execute(statement, {"ids": ids})

    def contacts(self, person_ids: Iterable[str]) -> Sequence[ContactRecord]:
        """Return people as notify needs to know them."""
        return [
            ContactRecord(
                person_id=str(row.id),
                email=row.email,
                name=row.name,
                locale=row.locale,
                role=Role(row.role),
                store_ids=tuple(row.store_ids),
                active=row.active,
                version=row.version,
            )
            for row in self._connection.execute(sql.CONTACTS, {"ids": sorted(person_ids)})
        ]

    def store_records(self, store_ids: Iterable[str]) -> Sequence[StoreRecord]:
        """Return stores as the other services need to know them."""
        return [
            StoreRecord(str(row.id), row.name, row.active, row.wants_reminder, tuple(row.people))
            for row in self._connection.execute(sql.STORE_RECORDS, {"ids": sorted(store_ids)})
        ]

    def is_only_admin(self, person_id: str) -> bool:
        """Tell whether no other admin could sign in."""
        return bool(self._connection.scalar(sql.ONLY_ADMIN, {"id": person_id}))

    def last_token_ends(self, person_ids: Iterable[str]) -> Mapping[str, datetime]:
        """Return when each person's last live token ends."""
        found = self._connection.execute(sql.LAST_TOKENS, {"ids": sorted(person_ids)})
        return {str(row.person_id): row.until for row in found}

    def end_links(self, person_id: str) -> None:
        """Use up every link of the person."""
        self._connection.execute(sql.END_LINKS, {"id": person_id})

    def end_access(self, person_id: str) -> None:
        """Delete sessions and tokens."""
        for statement in sql.END_ACCESS:
            self._connection.execute(statement, {"id": person_id})

    def _write_person(self, statement: TextClause, person: Person) -> None:
        try:
            self._connection.execute(statement, {**asdict(person), "role": person.role.value})
        except IntegrityError as error:
            if _EMAIL_INDEX in str(error.orig):
                raise InvalidFields(Flawed("email", Flaw.TAKEN)) from error
            raise

    def _move(self, statement: TextClause, pairs: Iterable[tuple[str, str]]) -> None:
        moved = sorted(pairs)
        if moved:
            values = {"stores": [store for store, _ in moved], "people": [person for _, person in moved]}
            self._connection.execute(statement, values)

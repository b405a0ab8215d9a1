"""What the use cases on stores and people are asked for, and what they need of the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from orders.application.directory_views import PersonCard, StoreCard
from orders.domain.directory import Person, Store
from orders.domain.people import Actor, Role

if TYPE_CHECKING:  # the unit of work there is made of this
    from orders.application.ports import ContactRecord, StoreRecord


@dataclass(frozen=True, slots=True)
class NewStore:
    actor: Actor
    name: str
    route: str = ""
    stop: int = 0
    phone: str = ""
    address: str = ""
    wants_reminder: bool = True
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChangeStore:
    """Whatever is None stays as it is; `expected_version` None sets no condition."""

    actor: Actor
    store_id: str
    expected_version: int | None
    name: str | None = None
    route: str | None = None
    stop: int | None = None
    phone: str | None = None
    address: str | None = None
    wants_reminder: bool | None = None
    active: bool | None = None
    people: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class InvitePerson:
    actor: Actor
    name: str
    email: str
    locale: str
    role: Role = Role.BUYER
    stores: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChangePerson:
    """Whatever is None stays as it is; `expected_version` None sets no condition."""

    actor: Actor
    person_id: str
    expected_version: int | None
    name: str | None = None
    email: str | None = None
    locale: str | None = None
    role: Role | None = None
    active: bool | None = None
    stores: frozenset[str] | None = None


class Directory(Protocol):
    """Stores, people and which of them belong together, for changing them."""

    def hold(self) -> None:
        """Make changes of stores and people wait for each other until the end of the transaction.

        Each touches rights of the other kind, names are unique among active stores and one admin has to remain: one at
        a time, none of these can be raced, and no two can lock the same rows in different orders.
        """

    def role_now(self, person_id: str) -> Role | None:
        """Return the role of an active person as it is now; None when there is no such active person."""

    def store(self, store_id: str) -> Store | None:
        """Lock a store's row and return it with its people."""

    def person(self, person_id: str) -> Person | None:
        """Lock a person's row and return it with the stores."""

    def store_card(self, store_id: str) -> StoreCard: ...

    def person_card(self, person_id: str) -> PersonCard: ...

    def store_names(self, store_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of those stores that exist."""

    def people(self, person_ids: Iterable[str]) -> Mapping[str, Person]:
        """Return those people that exist, without their stores."""

    def is_name_taken(self, name: str, except_store_id: str) -> bool:
        """Tell whether another active store has this name, in whatever case."""

    def is_email_taken(self, email: str, except_person_id: str) -> bool: ...

    def add_store(self, store: Store) -> None: ...

    def save_store(self, store: Store) -> None:
        """Write a store's own fields, one version on."""

    def add_person(self, person: Person) -> None:
        """Write a new person, who has no password."""

    def save_person(self, person: Person) -> None:
        """Write a person's own fields, one version on."""

    def tie(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Let people order for stores: (store, person)."""

    def untie(self, pairs: Iterable[tuple[str, str]]) -> None: ...

    def next_versions(self, *, stores: Iterable[str] = (), people: Iterable[str] = ()) -> None:
        """Take these one version on, since who belongs to whom has changed."""

    def contacts(self, person_ids: Iterable[str]) -> Sequence["ContactRecord"]: ...

    def store_records(self, store_ids: Iterable[str]) -> Sequence["StoreRecord"]: ...

    def is_only_admin(self, person_id: str) -> bool:
        """Tell whether nobody but this person is an active admin with a password."""

    def last_token_ends(self, person_ids: Iterable[str]) -> Mapping[str, datetime]:
        """Return when the last live API token of each of these people ends; who has none is missing."""

    def end_links(self, person_id: str) -> None:
        """Make every mailed link of the person useless."""

    def end_access(self, person_id: str) -> None:
        """Delete every session and token of the person."""

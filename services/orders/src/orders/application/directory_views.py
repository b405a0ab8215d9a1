"""Stores and people as staff read them: lists, one with everything about it, what happened to it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, Literal, Protocol, TypeVar

from orders.domain.people import Actor, Role

T_co = TypeVar("T_co", covariant=True)
StoreOrder = Literal["route", "name"]


class PersonState(StrEnum):
    """`EXPIRED`: was invited, did not come, and the link works no more."""

    INVITED = "invited"
    EXPIRED = "expired"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, slots=True)
class PersonName:
    id: str
    name: str
    email: str
    role: Role
    active: bool = True


@dataclass(frozen=True, slots=True)
class StoreName:
    id: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class StoreCard:
    """A store; `stop` is its place on the route, 0 when it has none."""

    id: str
    name: str
    route: str
    stop: int
    phone: str
    address: str
    active: bool
    wants_reminder: bool
    version: int
    people: tuple[PersonName, ...]


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person; `invited_until` is set while an invitation can be used."""

    id: str
    name: str
    email: str
    locale: str
    role: Role
    state: PersonState
    invited_until: datetime | None
    version: int
    created_at: datetime
    stores: tuple[StoreName, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """One value that changed; for a store or person that came (`old` None) or went (`new` None), its name."""

    field: str
    old: str | int | bool | None
    new: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail: who did what, when. `actor_name` None: nobody in particular."""

    at: datetime
    action: str
    actor_name: str | None
    changes: tuple[Noted, ...]


@dataclass(frozen=True, slots=True)
class StoreFilter:
    """`text` is looked for in name and route, whatever its accents and case; `active` None = both."""

    text: str | None = None
    route: str | None = None
    active: bool | None = None
    order: StoreOrder = "route"


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """`text` is looked for in name, e-mail and names of stores, whatever its accents and case."""

    text: str | None = None
    store_id: str | None = None
    role: Role | None = None
    state: PersonState | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T_co]):
    """A piece of a list, how long all of it is, and where the next piece begins (an opaque cursor), or None."""

    items: tuple[T_co, ...]
    total: int
    next_cursor: str | None


class DirectoryReads(Protocol):
    """Reads for staff; `Forbidden` for everyone else. A missing thing raises `NotFound`."""

    def stores(
        self, actor: Actor, wanted: StoreFilter, *, limit: int, cursor: str | None = None, skip: int = 0
    ) -> Listed[StoreCard]:
        """List stores, by route and stop (those without a route last) or by name; from a cursor or after `skip`."""

    def store(self, actor: Actor, store_id: str) -> StoreCard: ...

    def routes(self, actor: Actor) -> tuple[str, ...]:
        """Return the routes that active stores are on."""

    def store_names(self, actor: Actor) -> tuple[StoreName, ...]:
        """Return all active stores by name, to choose from."""

    def people(
        self, actor: Actor, wanted: PeopleFilter, *, limit: int, cursor: str | None = None, skip: int = 0
    ) -> Listed[PersonCard]:
        """List people by name; from a cursor or after `skip`."""

    def person(self, actor: Actor, person_id: str) -> PersonCard: ...

    def people_names(self, actor: Actor, *, limit: int) -> tuple[PersonName, ...]:
        """Return active people by name, to choose from."""

    def people_found(self, actor: Actor, text: str) -> tuple[PersonName, ...]:
        """Return the active people with exactly this e-mail address or name."""

    def history(self, actor: Actor, entity: Literal["store", "person"], entity_id: str) -> tuple[Entry, ...]:
        """Return what happened to a store or person, newest first, as far back as a page shows."""

"""The JSON of stores and people."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from orders.application.directory import ChangePerson, ChangeStore, InvitePerson, NewStore
from orders.application.directory_views import PersonCard, StoreCard
from orders.domain import directory as bounds
from orders.domain.people import Actor, Role
from orders.entrypoints.api.request_bodies import Id, In
from orders.entrypoints.api.response_bodies import Out

# Blanks around a text do not count, so that a body may be a little longer than what is kept.
_SLACK = 100
StoreName = Annotated[str, Field(max_length=bounds.MAX_STORE_NAME_CHARACTERS + _SLACK)]
Route = Annotated[str, Field(max_length=bounds.MAX_ROUTE_CHARACTERS + _SLACK)]
Stop = Annotated[int, Field(ge=0, le=bounds.MAX_STOP)]
Phone = Annotated[str, Field(max_length=bounds.MAX_PHONE_CHARACTERS + _SLACK)]
Address = Annotated[str, Field(max_length=bounds.MAX_ADDRESS_CHARACTERS + _SLACK)]
PersonName = Annotated[str, Field(max_length=bounds.MAX_PERSON_NAME_CHARACTERS + _SLACK)]
Email = Annotated[str, Field(max_length=bounds.MAX_EMAIL_CHARACTERS + _SLACK)]
People = Annotated[list[Id], Field(max_length=bounds.MAX_PEOPLE_OF_STORE)]
Stores = Annotated[list[Id], Field(max_length=bounds.MAX_STORES_OF_PERSON)]
Locale = Literal["en", "es"]
RoleName = Literal["buyer", "staff", "admin"]
StateName = Literal["invited", "expired", "active", "deactivated"]


class NewStoreIn(In):
    """`stop` is the place on the route; `people` are ids."""

    name: StoreName
    route: Route = ""
    stop: Stop = 0
    phone: Phone = ""
    address: Address = ""
    wants_reminder: bool = True
    people: People = Field(default_factory=list)

    def command(self, actor: Actor) -> NewStore:
        """Return what the use case takes."""
        return NewStore(actor, **{**self.model_dump(), "people": frozenset(self.people)})


class StoreChangeIn(In):
    """Whatever is left out stays as it is; `people` replaces all of them."""

    name: StoreName | None = None
    route: Route | None = None
    stop: Stop | None = None
    phone: Phone | None = None
    address: Address | None = None
    wants_reminder: bool | None = None
    active: bool | None = None
    people: People | None = None

    def command(self, actor: Actor, store_id: str, expected_version: int | None) -> ChangeStore:
        """Return what the use case takes."""
        people = None if self.people is None else frozenset(self.people)
        return ChangeStore(actor, store_id, expected_version, **{**self.model_dump(), "people": people})


class NewPersonIn(In):
    name: PersonName
    email: Email
    locale: Locale
    role: RoleName = "buyer"
    store_ids: Stores = Field(default_factory=list)

    def command(self, actor: Actor) -> InvitePerson:
        """Return what the use case takes."""
        return InvitePerson(actor, self.name, self.email, self.locale, Role(self.role), frozenset(self.store_ids))


class PersonChangeIn(In):
    """Whatever is left out stays as it is; `store_ids` replaces all of them."""

    name: PersonName | None = None
    email: Email | None = None
    locale: Locale | None = None
    role: RoleName | None = None
    active: bool | None = None
    store_ids: Stores | None = None

    def command(self, actor: Actor, person_id: str, expected_version: int | None) -> ChangePerson:
        """Return what the use case takes."""
        return ChangePerson(
            actor=actor,
            person_id=person_id,
            expected_version=expected_version,
            name=self.name,
            email=self.email,
            locale=self.locale,
            role=None if self.role is None else Role(self.role),
            active=self.active,
            stores=None if self.store_ids is None else frozenset(self.store_ids),
        )


class PersonOfStoreOut(Out):
    id: str
    name: str
    role: RoleName
    active: bool


class StoreDetailOut(Out):
    """`stop` is the place on the route."""

    id: str
    name: str
    route: str
    stop: int
    phone: str
    address: str
    active: bool
    wants_reminder: bool
    version: int
    people: list[PersonOfStoreOut]

    @classmethod
    def of(cls, store: StoreCard) -> Self:
        """Show a store to staff."""
        return cls.model_validate(store)


class StoreOfPersonOut(Out):
    id: str
    name: str
    active: bool


class PersonOut(Out):
    """`invited_until` null: no invitation can be used now."""

    id: str
    name: str
    email: str
    locale: Locale
    role: RoleName
    state: StateName
    invited_until: datetime | None
    version: int
    created_at: datetime
    stores: list[StoreOfPersonOut]

    @classmethod
    def of(cls, person: PersonCard) -> Self:
        """Show a person to staff."""
        return cls.model_validate(person)


class StoresPage(Out):
    items: list[StoreDetailOut]
    total: int
    next: str | None


class PeoplePage(Out):
    items: list[PersonOut]
    total: int
    next: str | None

"""Choosing who belongs to a store, and which stores somebody has: ticks for what is, boxes for what shall be."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from orders.application.directory_views import PersonName, StoreName
from orders.domain.directory import Flawed, may_manage, only_text
from orders.domain.people import Actor, Role
from orders.entrypoints.identity import container
from orders.entrypoints.pages.directory_forms import ADDED, Typed
from orders.entrypoints.pages.directory_words import said
from orders.entrypoints.pages.reader import gettext as _

MAX_PEOPLE_OFFERED = 2_000


@dataclass(frozen=True, slots=True)
class Tick:
    """One of those that are, or are to be, tied; `locked` is not the reader's to take off."""

    id: str
    name: str
    more: str
    path: str
    ticked: bool
    shown: bool
    locked: bool = False
    active: bool = True


@dataclass(frozen=True, slots=True)
class Picked:
    """A form whose boxes for more have become ticks, and what to say about those that could not."""

    typed: Typed
    wrong: Mapping[str, str] = field(default_factory=dict)

    def all_wrong(self, flaws: Iterable[Flawed]) -> Mapping[str, str]:
        """Return, when some name led nowhere, everything else that is wrong too: nobody should mend one at a time."""
        return {**said(flaws), **self.wrong} if self.wrong else {}


def pick_people(actor: Actor, typed: Typed) -> Picked:
    """Find the people that were named by e-mail address or name."""
    found: list[str] = []
    left: list[str] = []
    wrong: dict[str, str] = {}
    for text in typed.added:
        people = container().directory.people_found(actor, only_text(text).strip())
        sentence = _objection(actor, people)
        if sentence is None:
            found.append(people[0].id)
        else:
            left.append(text)
            wrong[f"{ADDED}{len(left)}"] = sentence
    return Picked(typed.ticking(found, tuple(left)), wrong)


def pick_stores(stores: Iterable[StoreName], typed: Typed) -> Picked:
    """Find the stores that were named; names are unique among active ones."""
    by_name = {store.name.casefold(): store.id for store in stores}
    pairs = [(text, by_name.get(" ".join(text.split()).casefold())) for text in typed.added]
    left = [text for text, store_id in pairs if store_id is None]
    sentence = _("No active store has this name. Choose one of the list.")
    wrong = {f"{ADDED}{place}": sentence for place in range(1, len(left) + 1)}
    return Picked(typed.ticking([one for _text, one in pairs if one], tuple(left)), wrong)


def people_ticks(
    actor: Actor, typed: Typed, members: Collection[PersonName], others: Iterable[PersonName]
) -> list[Tick]:
    """List a store's people, and whom the form is about to add."""
    ids = {person.id for person in members}
    coming = [person for person in others if person.id in typed.ticked - ids]
    return [
        Tick(
            id=person.id,
            name=person.name,
            more=person.email,
            path=f"/staff/people/{person.id}",
            ticked=person.id in typed.ticked,
            shown=person.id in typed.shown,
            locked=not may_manage(actor, person.role),
            active=person.active,
        )
        for person in (*members, *coming)
    ]


def store_ticks(typed: Typed, own: Collection[StoreName], others: Iterable[StoreName]) -> list[Tick]:
    """List a person's stores, and which ones the form is about to add."""
    ids = {store.id for store in own}
    coming = [store for store in others if store.id in typed.ticked - ids]
    return [
        Tick(
            id=store.id,
            name=store.name,
            more="",
            path=f"/staff/stores/{store.id}",
            ticked=store.id in typed.ticked,
            shown=store.id in typed.shown,
            active=store.active,
        )
        for store in (*own, *coming)
    ]


def _objection(actor: Actor, people: Collection[PersonName]) -> str | None:
    if not people:
        return _("Nobody here has this name or address. Invite them first.")
    if len(people) > 1:
        return _("Several people have this name. Use the e-mail address.")
    [person] = people
    if person.role is not Role.BUYER and not may_manage(actor, person.role):
        return _("Only an admin can give stores to staff.")
    return None

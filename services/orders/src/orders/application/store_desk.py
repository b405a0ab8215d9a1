"""Making and changing stores: each one transaction, with its trail and the news for everyone whose rights it moves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import uuid4

from orders.application.commands import Answer, RequestKey
from orders.application.directory import ChangeStore, NewStore
from orders.application.directory_changes import (
    Change,
    action_of,
    came,
    field_changes,
    hold,
    news_only,
    note,
    require_version,
    take_rights,
    tell,
    unknown,
    went,
)
from orders.application.directory_views import StoreCard
from orders.application.once import once
from orders.application.ports import Transactions, UnitOfWork
from orders.domain.directory import Flaw, Flawed, Store, require_no_flaws, require_to_manage, store_flaws, tidy
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor

Render = Callable[[StoreCard], Answer]
_FIELDS = ("name", "route", "stop", "phone", "address", "wants_reminder", "active")


class StoreDesk:
    """Use cases on stores; `render` turns the store into the answer to give and to keep beside an idempotency key."""

    def __init__(self, transactions: Transactions, time_zone: str) -> None:
        self._transactions = transactions
        self._time_zone = time_zone

    def create(self, command: NewStore, render: Render, key: RequestKey | None = None) -> Answer:
        """Make a store.

        Raises:
            InvalidFields: names every field that is wrong, a name that another active store has included.
            Forbidden: for staff only; people who are not buyers can be tied to it by an admin only.

        """
        return once(self._transactions, key, lambda work: self._create(command, work), render)

    def change(self, command: ChangeStore, render: Render, key: RequestKey | None = None) -> Answer:
        """Change what the command names; a command that changes nothing leaves no trace.

        Raises as `create` does, and NotFound and VersionConflict. A store that is deactivated keeps its live orders;
        its people lose the right to order for it.
        """
        if not is_id(command.store_id):
            raise NotFound("no such store")
        return once(self._transactions, key, lambda work: self._change(command, work), render)

    def _create(self, command: NewStore, work: UnitOfWork) -> StoreCard:
        actor = hold(work, command.actor)
        store = as_store(command)
        names = _checked_people(work, actor, None, store)
        work.directory.add_store(store)
        work.directory.tie((store.id, person_id) for person_id in store.people)
        work.directory.next_versions(people=store.people)
        note(work, actor, "created")("store", store.id, came("person", names, store.people))
        _note_people(work, actor, store, frozenset(), store.people)
        tell(work, self._time_zone, stores=[store.id], people=store.people)
        return work.directory.store_card(store.id)

    def _change(self, command: ChangeStore, work: UnitOfWork) -> StoreCard:
        actor = hold(work, command.actor)
        was = work.directory.store(command.store_id)
        if was is None:
            raise NotFound("no such store")
        require_version("store", was.version, command.expected_version)
        now = _wished(was, command)
        names = _checked_people(work, actor, was, now)
        joined, left = now.people - was.people, was.people - now.people
        changes = [*field_changes(was, now, _FIELDS), *came("person", names, joined), *went("person", names, left)]
        if not changes:
            return work.directory.store_card(was.id)
        self._write(work, actor, was, now, changes)
        return work.directory.store_card(was.id)

    def _write(self, work: UnitOfWork, actor: Actor, was: Store, now: Store, changes: list[Change]) -> None:
        joined, left = now.people - was.people, was.people - now.people
        work.directory.save_store(now)
        work.directory.tie((now.id, person_id) for person_id in joined)
        work.directory.untie((now.id, person_id) for person_id in left)
        # Only active stores count as somebody's: when one comes or goes, everyone of it has other rights.
        turned = now.people if was.active != now.active else frozenset()
        touched = joined | left | turned
        work.directory.next_versions(people=touched)
        note(work, actor, action_of(was_active=was.active, active=now.active))("store", now.id, changes)
        _note_people(work, actor, now, left, joined)
        tell(work, self._time_zone, stores=[now.id], people=touched)
        take_rights(work, left if now.active else left | turned)


def as_store(command: NewStore) -> Store:
    """Return the store that the command would make, if nothing is wrong with it."""
    return Store(
        id=str(uuid4()),
        name=tidy(command.name),
        route=tidy(command.route),
        stop=command.stop,
        phone=tidy(command.phone),
        address=tidy(command.address, lines=True),
        active=True,
        wants_reminder=command.wants_reminder,
        version=1,
        people=command.people,
    )


def _wished(was: Store, command: ChangeStore) -> Store:
    given = {
        "name": None if command.name is None else tidy(command.name),
        "route": None if command.route is None else tidy(command.route),
        "stop": command.stop,
        "phone": None if command.phone is None else tidy(command.phone),
        "address": None if command.address is None else tidy(command.address, lines=True),
        "wants_reminder": command.wants_reminder,
        "active": command.active,
        "people": command.people,
    }
    return replace(was, **{field: value for field, value in given.items() if value is not None})  # type: ignore[arg-type]


def _checked_people(work: UnitOfWork, actor: Actor, was: Store | None, now: Store) -> Mapping[str, str]:
    """Refuse what is wrong with what is new about the store; return the names of the people who join or leave it."""
    moved = now.people ^ (was.people if was else frozenset())
    people = work.directory.people(moved)
    flaws = news_only([*store_flaws(now), *unknown("people", moved, people)], was, now)
    if now.active and (was is None or (was.name, was.active) != (now.name, now.active)):
        is_sound = not any(flaw.field == "name" for flaw in flaws)
        flaws += [Flawed("name", Flaw.TAKEN)] if is_sound and work.directory.is_name_taken(now.name, now.id) else []
    require_no_flaws(flaws)
    require_to_manage(actor, *(person.role for person in people.values()))
    return {person.id: person.name for person in people.values()}


def _note_people(work: UnitOfWork, actor: Actor, store: Store, left: frozenset[str], joined: frozenset[str]) -> None:
    """Write into the trails of those who joined or left, too."""
    write, named = note(work, actor, "changed"), {store.id: store.name}
    for person_id in sorted(left):
        write("person", person_id, went("store", named, [store.id]))
    for person_id in sorted(joined):
        write("person", person_id, came("store", named, [store.id]))

"""Inviting and changing people: each one transaction, with its trail and the news for the other services."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import uuid4

from orders.application import one_time_links
from orders.application.commands import Answer, RequestKey
from orders.application.directory import ChangePerson, InvitePerson
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
from orders.application.directory_views import PersonCard
from orders.application.once import once
from orders.application.one_time_links import Purpose
from orders.application.ports import Transactions, UnitOfWork
from orders.domain.directory import (
    Flaw,
    Flawed,
    InvalidFields,
    Person,
    loses_rights,
    person_flaws,
    require_no_flaws,
    require_to_manage,
    tidy,
    tidy_email,
)
from orders.domain.errors import NotFound, TooManyMails
from orders.domain.order import is_id
from orders.domain.people import Actor, Role

MAX_INVITATIONS = 3
INVITATIONS_WINDOW_S = 3_600

Render = Callable[[PersonCard], Answer]
_FIELDS = ("name", "email", "locale", "role", "active")


class PeopleDesk:
    """Use cases on people; `render` turns the person into the answer to give and to keep beside a key."""

    def __init__(self, transactions: Transactions, time_zone: str, public_url: str) -> None:
        self._transactions = transactions
        self._time_zone = time_zone
        self._public_url = public_url

    def invite(self, command: InvitePerson, render: Render, key: RequestKey | None = None) -> Answer:
        """Write a person without a password and mail an invitation to choose one.

        Raises:
            InvalidFields: names every field that is wrong, an address that somebody has included.
            Forbidden: staff invite buyers, admins everyone.

        """
        return once(self._transactions, key, lambda work: self._invite(command, work), render)

    def change(self, command: ChangePerson, render: Render, key: RequestKey | None = None) -> Answer:
        """Change what the command names; a command that changes nothing leaves no trace.

        Whoever is deactivated is signed out everywhere; who loses a store or a rank is asked for a new identity by
        the other services. A new address ends the links mailed to the old one. Raises as `invite` does, NotFound,
        VersionConflict, and InvalidFields for deactivating oneself or taking the last admin away.
        """
        _require_id(command.person_id)
        return once(self._transactions, key, lambda work: self._change(command, work), render)

    def invite_again(self, actor: Actor, person_id: str, render: Render, key: RequestKey | None = None) -> Answer:
        """Mail a new invitation; the link of the one before ends.

        Raises InvalidFields when there is nothing to invite to, TooManyMails beyond three an hour.
        """
        _require_id(person_id)
        return once(self._transactions, key, lambda work: self._invite_again(actor, person_id, work), render)

    def _invite(self, command: InvitePerson, work: UnitOfWork) -> PersonCard:
        actor = hold(work, command.actor)
        require_to_manage(actor, command.role)
        person = as_person(command)
        names = _checked_stores(work, None, person)
        work.directory.add_person(person)
        work.directory.tie((store_id, person.id) for store_id in person.stores)
        work.directory.next_versions(stores=person.stores)
        note(work, actor, "invited")("person", person.id, came("store", names, person.stores))
        _note_stores(work, actor, person, frozenset(), person.stores)
        # The address goes first: notify mails the link to whom it knows.
        tell(work, self._time_zone, stores=person.stores, people=[person.id])
        self._issue(work, person.id)
        return work.directory.person_card(person.id)

    def _change(self, command: ChangePerson, work: UnitOfWork) -> PersonCard:
        actor = hold(work, command.actor)
        was = _locked(work, command.person_id)
        now = _wished(was, command)
        require_to_manage(actor, was.role, now.role)
        require_version("person", was.version, command.expected_version)
        _require_somebody_left(work, actor, was, now)
        names = _checked_stores(work, was, now)
        joined, left = now.stores - was.stores, was.stores - now.stores
        changes = [*field_changes(was, now, _FIELDS), *came("store", names, joined), *went("store", names, left)]
        if changes:
            self._write(work, actor, was, now, changes)
        return work.directory.person_card(was.id)

    def _write(self, work: UnitOfWork, actor: Actor, was: Person, now: Person, changes: list[Change]) -> None:
        joined, left = now.stores - was.stores, was.stores - now.stores
        work.directory.save_person(now)
        work.directory.tie((store_id, now.id) for store_id in joined)
        work.directory.untie((store_id, now.id) for store_id in left)
        work.directory.next_versions(stores=joined | left)
        note(work, actor, action_of(was_active=was.active, active=now.active))("person", now.id, changes)
        _note_stores(work, actor, now, left, joined)
        tell(work, self._time_zone, stores=joined | left, people=[now.id])
        if left or loses_rights(was.role, now.role) or (was.active and not now.active):
            take_rights(work, [now.id])
        self._end_what_is_over(work, was, now)

    def _end_what_is_over(self, work: UnitOfWork, was: Person, now: Person) -> None:
        if was.active != now.active:
            # Also on the way back: what slipped in while the door was closing must not open with it.
            work.directory.end_access(now.id)
        if not now.active or was.email != now.email:
            work.directory.end_links(now.id)
        asked = work.links.recent(now.id, Purpose.INVITATION, INVITATIONS_WINDOW_S)
        if now.active and was.email != now.email and not now.has_password and asked < MAX_INVITATIONS:
            self._issue(work, now.id)

    def _invite_again(self, asking: Actor, person_id: str, work: UnitOfWork) -> PersonCard:
        actor = hold(work, asking)
        person = _locked(work, person_id)
        require_to_manage(actor, person.role)
        if not person.active or person.has_password:
            raise InvalidFields(Flawed("person", Flaw.NOT_INVITED))
        if work.links.recent(person.id, Purpose.INVITATION, INVITATIONS_WINDOW_S) >= MAX_INVITATIONS:
            raise TooManyMails(INVITATIONS_WINDOW_S)
        note(work, actor, "invited")("person", person.id, [])
        self._issue(work, person.id)
        return work.directory.person_card(person.id)

    def _issue(self, work: UnitOfWork, person_id: str) -> None:
        one_time_links.issue(work, person_id, Purpose.INVITATION, self._public_url)


def as_person(command: InvitePerson) -> Person:
    """Return the person that the command would write, if nothing is wrong with it."""
    return Person(
        id=str(uuid4()),
        name=tidy(command.name),
        email=tidy_email(command.email),
        locale=command.locale,
        role=command.role,
        active=True,
        version=1,
        stores=command.stores,
    )


def _require_id(person_id: str) -> None:
    if not is_id(person_id):
        raise NotFound("no such person")


def _locked(work: UnitOfWork, person_id: str) -> Person:
    person = work.directory.person(person_id)
    if person is None:
        raise NotFound("no such person")
    return person


def _wished(was: Person, command: ChangePerson) -> Person:
    given = {
        "name": None if command.name is None else tidy(command.name),
        "email": None if command.email is None else tidy_email(command.email),
        "locale": command.locale,
        "role": command.role,
        "active": command.active,
        "stores": command.stores,
    }
    return replace(was, **{field: value for field, value in given.items() if value is not None})  # type: ignore[arg-type]


def _require_somebody_left(work: UnitOfWork, actor: Actor, was: Person, now: Person) -> None:
    """Refuse to lock oneself out, and to leave the hub without an admin who can sign in."""
    if actor.person_id == was.id and not now.active:
        raise InvalidFields(Flawed("active", Flaw.ONESELF))
    gone = was.active and was.role is Role.ADMIN and not (now.active and now.role is Role.ADMIN)
    if gone and work.directory.is_only_admin(was.id):
        raise InvalidFields(Flawed("active" if now.role is Role.ADMIN else "role", Flaw.LAST_ADMIN))


def _checked_stores(work: UnitOfWork, was: Person | None, now: Person) -> Mapping[str, str]:
    """Refuse what is wrong with what is new about the person; return the names of the stores that come or go."""
    moved = now.stores ^ (was.stores if was else frozenset())
    names = work.directory.store_names(moved)
    flaws = news_only([*person_flaws(now), *unknown("stores", moved, names)], was, now)
    if was is None or was.email != now.email:
        is_sound = not any(flaw.field == "email" for flaw in flaws)
        flaws += [Flawed("email", Flaw.TAKEN)] if is_sound and work.directory.is_email_taken(now.email, now.id) else []
    require_no_flaws(flaws)
    return names


def _note_stores(work: UnitOfWork, actor: Actor, person: Person, left: frozenset[str], joined: frozenset[str]) -> None:
    """Write into the trails of the stores that lost or got the person, too."""
    write, named = note(work, actor, "changed"), {person.id: person.name}
    for store_id in sorted(left):
        write("store", store_id, went("person", named, [person.id]))
    for store_id in sorted(joined):
        write("store", store_id, came("person", named, [person.id]))

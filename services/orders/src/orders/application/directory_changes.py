"""What changes of stores and people have in common: who may, what is noted, what the other services are told."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from orders.application import facts
from orders.application.accounts import IDENTITY_LIFETIME_S
from orders.application.ports import AuditEntry, UnitOfWork
from orders.domain.directory import Flaw, Flawed
from orders.domain.errors import Forbidden, VersionConflict
from orders.domain.people import Actor

Change = Mapping[str, Any]


def hold(work: UnitOfWork, actor: Actor) -> Actor:
    """Begin a change of stores or people; return the actor with the role of now, after all waiting.

    Raises Forbidden for whoever is no staff, or no staff any more: the change waited for may have been just that.
    """
    actor.require_staff()
    work.directory.hold()
    role = work.directory.role_now(actor.person_id)
    if role is None:
        raise Forbidden("for staff only")
    now = replace(actor, role=role)
    now.require_staff()
    return now


def require_version(what: str, found: int, expected: int | None) -> None:
    if expected is not None and expected != found:
        raise VersionConflict(found, what)


def field_changes(was: object, now: object, fields: Sequence[str]) -> list[Change]:
    """List the fields in which two values differ."""
    pairs = ((field, getattr(was, field), getattr(now, field)) for field in fields)
    return [{"field": field, "old": old, "new": new} for field, old, new in pairs if old != new]


def came(field: str, names: Mapping[str, str], ids: Iterable[str]) -> list[Change]:
    """Note stores or people that were added, by name: what the trail says stays readable when names change."""
    return [{"field": field, "old": None, "new": names[one], "id": one} for one in sorted(ids)]


def went(field: str, names: Mapping[str, str], ids: Iterable[str]) -> list[Change]:
    return [{"field": field, "old": names[one], "new": None, "id": one} for one in sorted(ids)]


def unknown(field: str, wanted: Iterable[str], known: Iterable[str]) -> list[Flawed]:
    """Name the ids that lead nowhere, once for the field."""
    missing = sorted(set(wanted) - set(known))
    return [Flawed(field, Flaw.UNKNOWN, value=missing[0])] if missing else []


def news_only(flaws: Iterable[Flawed], was: object | None, now: object) -> list[Flawed]:
    """Leave out what was wrong before: a rule that came later must not keep anyone from being deactivated."""
    return [flaw for flaw in flaws if was is None or getattr(was, flaw.field) != getattr(now, flaw.field)]


def note(work: UnitOfWork, actor: Actor, action: str) -> Callable[[str, str, Sequence[Change]], None]:
    """Return what writes lines of the trail for one actor and action."""

    def write(entity: str, entity_id: str, changes: Sequence[Change]) -> None:
        work.audit(AuditEntry(entity, entity_id, action, actor, changes))

    return write


def action_of(*, was_active: bool, active: bool) -> str:
    if was_active == active:
        return "changed"
    return "reactivated" if active else "deactivated"


def tell(work: UnitOfWork, time_zone: str, *, stores: Iterable[str], people: Iterable[str]) -> None:
    """Publish these stores and people as they are now."""
    for contact in work.directory.contacts(sorted(set(people))):
        work.publish(facts.contact_changed(contact, time_zone))
    for store in work.directory.store_records(sorted(set(stores))):
        work.publish(facts.store_changed(store))


def take_rights(work: UnitOfWork, people: Iterable[str]) -> None:
    """Let the other services refuse what was signed for these people until now, since it names rights they lost.

    Here sessions and tokens go on, with the rights of now; browsers renew their identity at the next 401.
    """
    losing = sorted(set(people))
    if not losing:
        return
    ends, soonest = work.directory.last_token_ends(losing), work.now() + timedelta(seconds=IDENTITY_LIFETIME_S)
    for person_id in losing:
        work.publish(facts.signed_out(person_id, max(soonest, ends.get(person_id, soonest))))

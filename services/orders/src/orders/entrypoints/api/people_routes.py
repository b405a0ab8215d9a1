"""People, for staff: buyers for everyone of them, staff and admins for admins."""

from uuid import UUID

from flask import Blueprint, Response

from orders.application.directory import ChangePerson
from orders.application.directory_views import PeopleFilter, PersonState
from orders.domain.people import Role
from orders.entrypoints.api import directory_replies as replies
from orders.entrypoints.api import paging
from orders.entrypoints.api.directory_bodies import NewPersonIn, PeoplePage, PersonChangeIn, PersonOut
from orders.entrypoints.api.operations import CURSOR, IDEMPOTENCY_KEY, IF_MATCH, LIMIT, Parameter, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.versions import expected_version, require_if_match
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

_ROLES = tuple(role.value for role in Role)
_STATES = tuple(state.value for state in PersonState)
_FILTERS = (
    Parameter("q", "query", "only people whose name, e-mail or store contains this, whatever its accents"),
    Parameter("store_id", "query", "only people of this store", schema={"type": "string", "format": "uuid"}),
    Parameter("role", "query", "only in this role", schema={"type": "string", "enum": list(_ROLES)}),
    Parameter("state", "query", "only in this state", schema={"type": "string", "enum": list(_STATES)}),
)
_OF_KEYS = {409: ("idempotency-key-in-flight",), 422: ("invalid", "idempotency-key-reused")}


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.get("/people")(people)
    blueprint.post("/people")(invite_person)
    blueprint.get("/people/<uuid:person_id>")(person)
    blueprint.patch("/people/<uuid:person_id>")(change_person)
    blueprint.delete("/people/<uuid:person_id>")(deactivate_person)
    blueprint.post("/people/<uuid:person_id>/invitation")(invite_again)


@operation(
    "People by name; staff only",
    answers={200: PeoplePage},
    problems={422: ("invalid",)},
    parameters=(*_FILTERS, LIMIT, CURSOR),
)
def people() -> Response:
    """Page through people."""
    actor = caller().actor
    actor.require_staff()
    role, state = replies.choice_argument("role", _ROLES), replies.choice_argument("state", _STATES)
    wanted = PeopleFilter(
        text=paging.text_argument("q"),
        store_id=paging.id_argument("store_id"),
        role=Role(role) if role else None,
        state=PersonState(state) if state else None,
    )
    found = container().directory.people(actor, wanted, limit=paging.limit(), cursor=paging.cursor())
    items = [PersonOut.of(one) for one in found.items]
    return reply(PeoplePage(items=items, total=found.total, next=replies.next_path(found)))


@operation(
    "Invite a person by mail; staff invite buyers, admins everyone",
    answers={201: PersonOut},
    problems=_OF_KEYS,
    body=NewPersonIn,
    parameters=(IDEMPOTENCY_KEY,),
)
def invite_person() -> Response:
    """Write a person without a password and mail an invitation."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    return respond(container().people.invite(NewPersonIn.of_request().command(actor), replies.person_created, key))


@operation("One person; staff only", answers={200: PersonOut}, problems={404: ("not-found",)})
def person(person_id: UUID) -> Response:
    """Answer one person with its ETag."""
    return respond(replies.person_changed(container().directory.person(caller().actor, str(person_id))))


@operation(
    "Change a person; staff change buyers, admins everyone",
    answers={200: PersonOut},
    problems={**_OF_KEYS, 404: ("not-found",), 412: ("version-conflict",), 428: ("precondition-required",)},
    body=PersonChangeIn,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def change_person(person_id: UUID) -> Response:
    """Change a person who is still as the caller last saw."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    require_if_match()
    body = PersonChangeIn.of_request()
    command = body.command(actor, str(person_id), _expected(str(person_id)))
    return respond(container().people.change(command, replies.person_changed, key))


@operation(
    "Deactivate a person: signed out everywhere, no way in; staff deactivate buyers, admins everyone but themselves",
    answers={204: None},
    problems={**_OF_KEYS, 404: ("not-found",), 412: ("version-conflict",)},
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def deactivate_person(person_id: UUID) -> Response:
    """Deactivate a person; history refers to people, so nobody is deleted."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    command = ChangePerson(actor, str(person_id), _expected(str(person_id)), active=False)
    return respond(container().people.change(command, replies.nothing_more, key))


@operation(
    "Mail a new invitation, which ends the one before; at most 3 an hour for a person",
    answers={201: PersonOut},
    problems={**_OF_KEYS, 404: ("not-found",), 429: ("too-many-requests",)},
    parameters=(IDEMPOTENCY_KEY,),
)
def invite_again(person_id: UUID) -> Response:
    """Invite somebody who has no password yet once more."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    return respond(container().people.invite_again(actor, str(person_id), replies.person_created, key))


def _expected(person_id: str) -> int | None:
    return expected_version(lambda: container().directory.person(caller().actor, person_id).version, required=False)

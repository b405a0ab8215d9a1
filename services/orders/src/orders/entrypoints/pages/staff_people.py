"""People, for staff: the list, one with everything about them, inviting, changing and deactivating."""

from collections.abc import Callable, Mapping
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer
from orders.application.directory import ChangePerson, InvitePerson
from orders.application.directory_views import PeopleFilter, PersonCard, PersonState
from orders.application.people_desk import as_person
from orders.domain.directory import may_manage, only_text, person_flaws
from orders.domain.order import is_id
from orders.domain.people import Actor, Role
from orders.entrypoints.idempotency import request_key
from orders.entrypoints.identity import container
from orders.entrypoints.pages import directory_words as words
from orders.entrypoints.pages.directory_forms import ADDED, YES, Typed
from orders.entrypoints.pages.directory_picks import pick_stores, store_ticks
from orders.entrypoints.pages.directory_sending import Sheet, sent
from orders.entrypoints.pages.mails import mail_texts
from orders.entrypoints.pages.pager import MAX_SEARCHED_CHARACTERS, leaf
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.refusals import Refusal

PEOPLE_PER_PAGE = 50
FIELDS = ("name", "email", "locale", "role")
_ROLES = {role.value: role for role in Role}
_STATES = {state.value: state for state in PersonState}

blueprint = Blueprint("staff_people", __name__)


@blueprint.get("/staff/people")
@private
def index() -> Response:
    """List people: searched by name, e-mail and store, filtered by role and state, in pieces."""
    actor = _staff()
    searched = only_text(request.args.get("q", ""))[:MAX_SEARCHED_CHARACTERS].strip()
    role, state = _ROLES.get(request.args.get("role", "")), _STATES.get(request.args.get("state", ""))
    store_id = request.args.get("store", "")
    store = container().directory.store(actor, store_id) if is_id(store_id) else None
    wanted = PeopleFilter(searched or None, store.id if store else None, role, state)

    def read(skip: int) -> tuple[tuple[PersonCard, ...], int]:
        found = container().directory.people(actor, wanted, limit=PEOPLE_PER_PAGE, skip=skip)
        return found.items, found.total

    people, pager = leaf(PEOPLE_PER_PAGE, read)
    page = render_template(
        "pages/staff_people.html",
        people=people,
        pager=pager,
        searched=searched,
        role=role.value if role else "",
        state=state.value if state else "",
        store=store,
        here="people",
    )
    return Response(page, mimetype="text/html")


@blueprint.get("/staff/people/new")
@private
def new() -> Response:
    """Show an empty invitation, for a store where one was named."""
    actor = _staff()
    store_id = request.args.get("store", "")
    store = container().directory.store(actor, store_id) if is_id(store_id) else None
    # Most who are invited read Spanish; nobody is asked for what can be guessed.
    blank = Typed.drawn({"name": "", "email": "", "locale": "es", "role": Role.BUYER.value})
    return _new(actor, Sheet(blank.ticking([store.id] if store else [], ())))


@blueprint.post("/staff/people")
@private
def invite() -> Response:
    """Invite a person; 303 to the person's page, or the same form with what stands in the way."""
    actor = _staff()
    key = request_key(actor, required=False)
    picked = pick_stores(container().directory.store_names(actor), Typed.posted(request.form, FIELDS))
    typed = picked.typed
    command = _as_new(actor, typed)
    return sent(
        lambda: container().people.invite(command, _gone_to("invited"), key),
        lambda refusal, wrong: _new(actor, Sheet(typed, refusal, _beside(wrong))),
        picked.all_wrong(person_flaws(as_person(command))),
    )


@blueprint.get("/staff/people/<uuid:person_id>")
@private
def one(person_id: UUID) -> Response:
    """Show one person; whom the reader may not change is shown without a form."""
    actor = _staff()
    person = container().directory.person(actor, str(person_id))
    return _one(actor, person, Sheet(_drawn(person)), done=request.args.get("done"))


@blueprint.post("/staff/people/<uuid:person_id>")
@private
def change(person_id: UUID) -> Response:
    """Change a person; 303 back, or the form with both what was typed and what was saved meanwhile."""
    actor = _staff()
    key = request_key(actor, required=False)
    person = container().directory.person(actor, str(person_id))
    picked = pick_stores(container().directory.store_names(actor), Typed.posted(request.form, FIELDS))
    typed = picked.typed
    command = ChangePerson(
        actor,
        person.id,
        typed.version,
        name=typed.values["name"],
        email=typed.values["email"],
        locale=typed.values["locale"],
        role=_role(actor, typed),
        stores=typed.wished(frozenset(store.id for store in person.stores)),
    )

    def again(refusal: Refusal, wrong: Mapping[str, str]) -> Response:
        now = container().directory.person(actor, person.id)
        met = _met(typed, now) if typed.version != now.version else typed
        return _one(actor, now, Sheet(met, refusal, {**met.told(), **_beside(wrong)}))

    wrong = picked.all_wrong(person_flaws(as_person(_as_new(actor, typed))))
    return sent(lambda: container().people.change(command, _gone_to("changed"), key), again, wrong)


@blueprint.post("/staff/people/<uuid:person_id>/active")
@private
def turn(person_id: UUID) -> Response:
    """Deactivate or reactivate a person who is as was shown."""
    actor = _staff()
    key = request_key(actor, required=False)
    active = request.form.get("active") == YES
    version = Typed.posted(request.form, ()).version
    command = ChangePerson(actor, str(person_id), version, active=active)

    def again(refusal: Refusal, wrong: Mapping[str, str]) -> Response:
        person = container().directory.person(actor, str(person_id))
        seen = words.not_done_since_changed() if version != person.version else refusal
        return _one(actor, person, Sheet(_drawn(person), seen, wrong, opened=True))

    gone = _gone_to("reactivated" if active else "deactivated")
    return sent(lambda: container().people.change(command, gone, key), again)


@blueprint.post("/staff/people/<uuid:person_id>/invitation")
@private
def invite_again(person_id: UUID) -> Response:
    """Mail a new invitation."""
    actor = _staff()
    key = request_key(actor, required=False)

    def again(refusal: Refusal, wrong: Mapping[str, str]) -> Response:
        person = container().directory.person(actor, str(person_id))
        return _one(actor, person, Sheet(_drawn(person), refusal, wrong))

    return sent(
        lambda: container().people.invite_again(actor, str(person_id), _gone_to("invited"), key),
        again,
    )


def _one(actor: Actor, person: PersonCard, sheet: Sheet, *, done: str | None = None) -> Response:
    directory = container().directory
    typed = sheet.typed.shown_again()
    stores = directory.store_names(actor)
    page = render_template(
        "pages/staff_person.html",
        person=person,
        mail_texts=mail_texts(),
        may_change=may_manage(actor, person.role),
        is_self=actor.person_id == person.id,
        form=typed,
        ticks=store_ticks(typed, person.stores, stores),
        stores=stores,
        roles=_role_choices(actor),
        history=directory.history(actor, "person", person.id),
        refusal=sheet.refusal,
        wrong=sheet.wrong,
        opened=sheet.opened,
        done=done,
        key=str(uuid4()),
        here="people",
    )
    return Response(page, sheet.status, mimetype="text/html")


def _new(actor: Actor, sheet: Sheet) -> Response:
    typed = sheet.typed.shown_again()
    stores = container().directory.store_names(actor)
    page = render_template(
        "pages/staff_person_new.html",
        form=typed,
        ticks=store_ticks(typed, (), stores),
        stores=stores,
        roles=_role_choices(actor),
        refusal=sheet.refusal,
        wrong=sheet.wrong,
        key=str(uuid4()),
        here="people",
    )
    return Response(page, sheet.status, mimetype="text/html")


def _staff() -> Actor:
    actor = signed_in().actor
    actor.require_staff()
    return actor


def _as_new(actor: Actor, typed: Typed) -> InvitePerson:
    return InvitePerson(
        actor,
        name=typed.values["name"],
        email=typed.values["email"],
        locale=typed.values["locale"],
        role=_role(actor, typed) or Role.BUYER,
        stores=typed.wished(frozenset()),
    )


def _role(actor: Actor, typed: Typed) -> Role | None:
    """Return the chosen role; None (as it is) where there was no choice."""
    return _ROLES.get(typed.values["role"]) if actor.role is Role.ADMIN else None


def _role_choices(actor: Actor) -> list[tuple[str, str]]:
    return [(role.value, words.role_words(role)) for role in Role if may_manage(actor, role)]


def _beside(wrong: Mapping[str, str]) -> dict[str, str]:
    """Put what is wrong with the stores beside the box where more are named."""
    return {f"{ADDED}1" if name == "stores" else name: sentence for name, sentence in wrong.items()}


def _values(person: PersonCard) -> dict[str, str]:
    return {"name": person.name, "email": person.email, "locale": person.locale, "role": person.role.value}


def _drawn(person: PersonCard) -> Typed:
    return Typed.drawn(_values(person), [store.id for store in person.stores], person.version)


def _met(typed: Typed, now: PersonCard) -> Typed:
    return typed.meeting(_values(now), frozenset(store.id for store in now.stores), now.version)


def _gone_to(what: str) -> Callable[[PersonCard], Answer]:
    return lambda person: Answer(303, "", (("Location", f"/staff/people/{person.id}?done={what}"),))

"""Stores, for staff: the list, one with everything about it, making, changing and deactivating it."""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Literal, cast
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer
from orders.application.directory import ChangeStore, NewStore
from orders.application.directory_views import StoreCard, StoreFilter
from orders.application.queries import OrderFilter
from orders.application.store_desk import as_store
from orders.domain.directory import only_text, store_flaws
from orders.domain.people import Actor
from orders.entrypoints.idempotency import request_key
from orders.entrypoints.identity import container
from orders.entrypoints.pages import directory_words as words
from orders.entrypoints.pages.directory_forms import YES, Typed
from orders.entrypoints.pages.directory_picks import MAX_PEOPLE_OFFERED, people_ticks, pick_people
from orders.entrypoints.pages.directory_sending import Sheet, sent
from orders.entrypoints.pages.pager import MAX_SEARCHED_CHARACTERS, leaf
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.refusals import Refusal

STORES_PER_PAGE = 50
LATEST_ORDERS = 5
FIELDS = ("name", "route", "stop", "phone", "address", "wants_reminder")
NO_STOP = -1
MAX_STOP_DIGITS = 6
_SHOWN = {"active": True, "deactivated": False, "all": None}

blueprint = Blueprint("staff_stores", __name__)


@blueprint.get("/staff/stores")
@private
def index() -> Response:
    """List stores: searched, filtered, by route and stop or by name, in pieces."""
    actor = _staff()
    searched = only_text(request.args.get("q", ""))[:MAX_SEARCHED_CHARACTERS].strip()
    shown = request.args.get("show", "active")
    order = "name" if request.args.get("sort") == "name" else "route"
    wanted = StoreFilter(
        text=searched or None, active=_SHOWN.get(shown, True), order=cast("Literal['route', 'name']", order)
    )

    def read(skip: int) -> tuple[tuple[StoreCard, ...], int]:
        found = container().directory.stores(actor, wanted, limit=STORES_PER_PAGE, skip=skip)
        return found.items, found.total

    found, pager = leaf(STORES_PER_PAGE, read)
    by_route = [(route, list(stores)) for route, stores in groupby(found, key=lambda store: store.route)]
    page = render_template(
        "pages/staff_stores.html",
        groups=by_route if order == "route" else [(None, list(found))],
        pager=pager,
        searched=searched,
        shown=shown if shown in _SHOWN else "active",
        order=order,
        here="stores",
    )
    return Response(page, mimetype="text/html")


@blueprint.get("/staff/stores/new")
@private
def new() -> Response:
    """Show an empty form."""
    return _new(_staff(), Sheet(Typed.drawn({**dict.fromkeys(FIELDS, ""), "wants_reminder": YES})))


@blueprint.post("/staff/stores")
@private
def create() -> Response:
    """Make a store; 303 to it, or the same form with what stands in the way."""
    actor = _staff()
    key = request_key(actor, required=False)
    picked = pick_people(actor, Typed.posted(request.form, FIELDS))
    typed = picked.typed
    command = _as_new(actor, typed)
    return sent(
        lambda: container().stores.create(command, _gone_to("created"), key),
        lambda refusal, wrong: _new(actor, Sheet(typed, refusal, wrong)),
        picked.all_wrong(store_flaws(as_store(command))),
    )


@blueprint.get("/staff/stores/<uuid:store_id>")
@private
def one(store_id: UUID) -> Response:
    """Show one store."""
    actor = _staff()
    store = container().directory.store(actor, str(store_id))
    return _one(actor, store, Sheet(_drawn(store)), done=request.args.get("done"))


@blueprint.post("/staff/stores/<uuid:store_id>")
@private
def change(store_id: UUID) -> Response:
    """Change a store; 303 back to it, or the form with both what was typed and what was saved meanwhile."""
    actor = _staff()
    key = request_key(actor, required=False)
    store = container().directory.store(actor, str(store_id))
    picked = pick_people(actor, Typed.posted(request.form, FIELDS))
    typed = picked.typed
    command = ChangeStore(
        actor,
        store.id,
        typed.version,
        name=typed.values["name"],
        route=typed.values["route"],
        phone=typed.values["phone"],
        address=typed.values["address"],
        stop=_stop(typed),
        wants_reminder=typed.values["wants_reminder"] == YES,
        people=typed.wished(frozenset(person.id for person in store.people)),
    )

    def again(refusal: Refusal, wrong: Mapping[str, str]) -> Response:
        now = container().directory.store(actor, store.id)
        met = _met(typed, now) if typed.version != now.version else typed
        return _one(actor, now, Sheet(met, refusal, {**met.told(), **wrong}))

    wrong = picked.all_wrong(store_flaws(as_store(_as_new(actor, typed))))
    return sent(lambda: container().stores.change(command, _gone_to("changed"), key), again, wrong)


@blueprint.post("/staff/stores/<uuid:store_id>/active")
@private
def turn(store_id: UUID) -> Response:
    """Deactivate or reactivate a store that is as it was shown."""
    actor = _staff()
    key = request_key(actor, required=False)
    active = request.form.get("active") == YES
    version = Typed.posted(request.form, ()).version
    command = ChangeStore(actor, str(store_id), version, active=active)

    def again(refusal: Refusal, wrong: Mapping[str, str]) -> Response:
        store = container().directory.store(actor, str(store_id))
        seen = words.not_done_since_changed() if version != store.version else refusal
        return _one(actor, store, Sheet(_drawn(store), seen, wrong, opened=True))

    gone = _gone_to("reactivated" if active else "deactivated")
    return sent(lambda: container().stores.change(command, gone, key), again)


def _one(actor: Actor, store: StoreCard, sheet: Sheet, *, done: str | None = None) -> Response:
    directory = container().directory
    typed = sheet.typed.shown_again()
    people = directory.people_names(actor, limit=MAX_PEOPLE_OFFERED)
    page = render_template(
        "pages/staff_store.html",
        store=store,
        form=typed,
        ticks=people_ticks(actor, typed, store.people, people),
        people=people,
        routes=directory.routes(actor),
        orders=container().queries.orders(actor, OrderFilter(store_id=store.id), limit=LATEST_ORDERS, cursor=None),
        history=directory.history(actor, "store", store.id),
        refusal=sheet.refusal,
        wrong=sheet.wrong,
        opened=sheet.opened,
        done=done,
        key=str(uuid4()),
        here="stores",
    )
    return Response(page, sheet.status, mimetype="text/html")


def _new(actor: Actor, sheet: Sheet) -> Response:
    directory = container().directory
    typed = sheet.typed.shown_again()
    people = directory.people_names(actor, limit=MAX_PEOPLE_OFFERED)
    page = render_template(
        "pages/staff_store_new.html",
        form=typed,
        ticks=people_ticks(actor, typed, (), people),
        people=people,
        routes=directory.routes(actor),
        refusal=sheet.refusal,
        wrong=sheet.wrong,
        key=str(uuid4()),
        here="stores",
    )
    return Response(page, sheet.status, mimetype="text/html")


def _staff() -> Actor:
    actor = signed_in().actor
    actor.require_staff()
    return actor


def _values(store: StoreCard) -> dict[str, str]:
    return {
        "name": store.name,
        "route": store.route,
        "stop": str(store.stop) if store.stop else "",
        "phone": store.phone,
        "address": store.address,
        "wants_reminder": YES if store.wants_reminder else "",
    }


def _drawn(store: StoreCard) -> Typed:
    return Typed.drawn(_values(store), [person.id for person in store.people], store.version)


def _met(typed: Typed, now: StoreCard) -> Typed:
    return typed.meeting(_values(now), frozenset(person.id for person in now.people), now.version)


def _as_new(actor: Actor, typed: Typed) -> NewStore:
    return NewStore(
        actor,
        name=typed.values["name"],
        route=typed.values["route"],
        stop=_stop(typed),
        phone=typed.values["phone"],
        address=typed.values["address"],
        wants_reminder=typed.values["wants_reminder"] == YES,
        people=typed.wished(frozenset()),
    )


def _stop(typed: Typed) -> int:
    """Return the stop; what is no number becomes one that is refused."""
    text = typed.values["stop"].strip()
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_STOP_DIGITS else NO_STOP


def _gone_to(what: str) -> Callable[[StoreCard], Answer]:
    return lambda store: Answer(303, "", (("Location", f"/staff/stores/{store.id}?done={what}"),))

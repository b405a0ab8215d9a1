"""The order page: shown, sent, and shown again with everything typed when it can't be done."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import ParamSpec

from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict

from orders.application.commands import AmendOrder, Answer, PlaceOrder
from orders.application.queries import OrderView, StoreView
from orders.application.reasons import BY_PHONE
from orders.application.sessions import Caller
from orders.application.shop import View
from orders.domain import errors
from orders.domain.cycle import CycleState
from orders.entrypoints.idempotency import request_key
from orders.entrypoints.identity import container
from orders.entrypoints.pages import refusals, store_choice
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.door import ask_again
from orders.entrypoints.pages.order_drawing import ONLY_SHELVES, WHOLE_PAGE, Sight, draw, look
from orders.entrypoints.pages.order_form import TypedOrder, read_form
from orders.entrypoints.pages.reader import caller, private, signed_in
from orders.entrypoints.pages.shop_view import asked_view, pressed_view
from orders.entrypoints.pages.site import site

MAX_SCHEDULED = 50
MAX_VERSION_DIGITS = 9

P = ParamSpec("P")

blueprint = Blueprint("ordering", __name__)


def asking_again(view: Callable[P, Response]) -> Callable[P, Response]:
    """Ask who is not signed in any more to do so, and keep what they typed."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        return ask_again(request.form) if caller() is None else view(*args, **kwargs)

    return guarded


@blueprint.get("/order")
@private
def show() -> Response:
    """Show the order page of the chosen store, or the choice of stores, or when the next market day opens."""
    stores = container().queries.stores(signed_in().actor)
    chosen = _chosen(stores, request.args.get("store"))
    if chosen is None:
        return store_choice.draw(stores)
    cycle = container().queries.current_cycle()
    if cycle is None or not cycle.takes_orders:
        return _closed(chosen)
    sight = look(stores, chosen, cycle, asked_view(request.args), copying=request.args.get("fill"))
    return draw(sight)


@blueprint.post("/order/view")
@asking_again
def turn() -> Response:
    """Show another part of the offers, or a product taken out, with everything typed kept; nothing is saved."""
    return _turned(WHOLE_PAGE)


@blueprint.post("/order/shelves")
@asking_again
def turn_shelves() -> Response:
    """Draw the shelves alone, for the page's script to put in place."""
    return _turned(ONLY_SHELVES)


@blueprint.post("/orders")
@asking_again
def place() -> Response:
    """Place an order; 303 to it, or the same form again with what stands in the way."""
    person = signed_in()
    once = request_key(person.actor, required=False)
    store_id, cycle_id = request.form.get("store_id", ""), request.form.get("cycle_id", "")
    typed = read_form(request.form)

    def send() -> Answer:
        return container().ordering.place(
            PlaceOrder(
                person.actor,
                cycle_id,
                store_id,
                typed.lines(),
                typed.note.strip(),
                typed.on_shortage,
                reason=_reason(person, typed),
            ),
            gone_to("placed"),
            once,
        )

    return _try(send, person, typed, store_id, cycle_id)


@blueprint.post("/orders/<uuid:order_id>")
@asking_again
def amend(order_id: object) -> Response:
    """Change an order that stands; the version it was shown at guards what somebody else changed since."""
    person = signed_in()
    once = request_key(person.actor, required=False)
    order = container().queries.order(person.actor, str(order_id))
    typed = read_form(request.form)

    def send() -> Answer:
        return container().ordering.amend(
            AmendOrder(
                person.actor,
                order.id,
                shown_version(),
                typed.lines(),
                typed.note.strip(),
                typed.on_shortage,
                reason=_reason(person, typed),
            ),
            gone_to("amended"),
            once,
        )

    return _try(send, person, typed, order.store_id, order.cycle_id)


def _reason(person: Caller, typed: TypedOrder) -> str:
    return BY_PHONE if typed.by_phone and person.actor.is_staff else ""


def resume(form: MultiDict[str, str]) -> Response | None:
    """Show an order form that waited for a sign-in; None when there is none, or it is not this person's."""
    if not form:
        return None
    try:
        typed = read_form(form)
        sight = _sight(signed_in(), typed, form.get("store_id", ""), form.get("cycle_id", ""), pressed_view(form))
        return draw(sight, typed=typed, refusal=refusals.signed_in_again())
    except errors.Refused:
        return None


def _turned(template: str) -> Response:
    form, person = request.form, signed_in()
    typed = read_form(form).without(form.get("remove", ""))
    sight = _sight(
        person, typed, form.get("store_id", ""), form.get("cycle_id", ""), pressed_view(form), copying=form.get("fill")
    )
    try:
        site().forms.require()
    except ForgedForm:
        return draw(sight, typed=typed, refusal=refusals.forged(), template=template)
    return draw(sight, typed=typed, template=template)


def _try(send: Callable[[], Answer], person: Caller, typed: TypedOrder, store_id: str, cycle_id: str) -> Response:
    def again(refusal: refusals.Refusal) -> Response:
        sight = _sight(person, typed, store_id, cycle_id, pressed_view(request.form))
        return draw(sight, typed=typed, refusal=refusal)

    try:
        site().forms.require()
        if typed.nonsense() or typed.unreadable_limits():
            return again(refusals.nonsense(typed))
        return _as_response(send())
    except ForgedForm:
        return again(refusals.forged())
    except errors.Unavailable:
        # Asking on would fail too, and that failure would promise that nothing was done, which this one may not.
        raise
    except errors.Refused as refused:
        sight = _sight(person, typed, store_id, cycle_id, pressed_view(request.form))
        refusal = refusals.explain(refused, typed, sight.by_id)
        if refusal is None:
            raise
        return draw(sight, typed=typed, refusal=refusal)


def _sight(
    person: Caller, typed: TypedOrder, store_id: str, cycle_id: str, view: View, *, copying: str | None = None
) -> Sight:
    stores = container().queries.stores(person.actor)
    store = next((one for one in stores if one.id == store_id), None)
    if store is None:
        raise errors.NotFound("no such store")
    cycle = container().queries.cycle(cycle_id)
    if cycle.state is CycleState.SCHEDULED and not person.actor.is_staff:
        # What a day that has not opened will cost is the business of those who plan it (ADR 14).
        raise errors.NotFound("no such market day")
    sight = look(stores, store, cycle, view, typed=typed, copying=copying)
    if cycle.state is CycleState.CANCELLED and not person.actor.is_staff:
        return replace(sight, stock=sight.stock.of_these(typed.quantities), wishes=())
    return sight


def _closed(store: StoreView) -> Response:
    """Say when the next market day opens, what was ordered in the last, and what can still be done about it."""
    scheduled = container().queries.cycles(CycleState.SCHEDULED, limit=MAX_SCHEDULED, cursor=None).items
    upcoming = min(scheduled, key=lambda cycle: cycle.opens_at, default=None)
    page = render_template(
        "pages/closed.html",
        store=store,
        upcoming=upcoming,
        last=container().order_lists.newest(store.id),
        here="order",
    )
    return Response(page, mimetype="text/html")


def _chosen(stores: tuple[StoreView, ...], wanted: str | None) -> StoreView | None:
    if wanted:
        return next((store for store in stores if store.id == wanted), None)
    return stores[0] if len(stores) == 1 else None


def gone_to(what: str) -> Callable[[OrderView], Answer]:
    return lambda order: Answer(303, "", (("Location", f"/orders/{order.id}?done={what}"),))


def _as_response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, list(answer.headers))


def shown_version() -> int:
    text = request.form.get("version", "")
    # No version is no guess: 0 never is one, so that the form comes back as changed meanwhile.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_VERSION_DIGITS else 0

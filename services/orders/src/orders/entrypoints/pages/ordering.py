"""The order page: shown, sent, and shown again with everything typed when it can't be done."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict

from orders.application.commands import AmendOrder, Answer, PlaceOrder
from orders.application.queries import CycleView, OrderView, StoreView
from orders.application.reasons import BY_PHONE
from orders.application.sessions import Caller
from orders.domain import errors
from orders.domain.cycle import CycleState
from orders.entrypoints.idempotency import request_key
from orders.entrypoints.identity import container
from orders.entrypoints.pages import refusals
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.door import ask_again
from orders.entrypoints.pages.formats import TimeLeft
from orders.entrypoints.pages.order_form import TypedOrder, as_ordered, read_form
from orders.entrypoints.pages.order_page import OrderPageModel, arrange, by_id
from orders.entrypoints.pages.reader import caller, locale, private, signed_in
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.words import order_page_words

MAX_OFFERS = 5_000
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
    person = signed_in()
    stores = container().queries.stores(person.actor)
    chosen = _chosen(stores, request.args.get("store"))
    if chosen is None:
        return _choice(stores)
    rendered_at_ms = _now_ms()
    cycle = container().queries.current_cycle()
    if cycle is None or not cycle.takes_orders:
        return _closed(chosen)
    return _page(chosen, len(stores) > 1, cycle, rendered_at_ms=rendered_at_ms)


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
        return _again(
            signed_in(), typed, refusals.signed_in_again(), form.get("store_id", ""), form.get("cycle_id", "")
        )
    except errors.Refused:
        return None


def _try(send: Callable[[], Answer], person: Caller, typed: TypedOrder, store_id: str, cycle_id: str) -> Response:
    try:
        site().forms.require()
        if typed.nonsense():
            return _again(person, typed, refusals.nonsense(typed), store_id, cycle_id)
        return _as_response(send())
    except ForgedForm:
        return _again(person, typed, refusals.forged(), store_id, cycle_id)
    except errors.Refused as refused:
        return _refuse(refused, person, typed, store_id, cycle_id)


def _refuse(refused: errors.Refused, person: Caller, typed: TypedOrder, store_id: str, cycle_id: str) -> Response:
    if isinstance(refused, errors.Unavailable):
        # Asking on would fail too, and that failure would promise that nothing was done, which this one may not.
        raise refused
    offers = by_id(container().queries.offers(cycle_id, store_id=store_id, limit=MAX_OFFERS).items)
    refusal = refusals.explain(refused, typed, offers)
    if refusal is None:
        raise refused
    return _again(person, typed, refusal, store_id, cycle_id)


def _again(person: Caller, typed: TypedOrder, refusal: refusals.Refusal, store_id: str, cycle_id: str) -> Response:
    stores = container().queries.stores(person.actor)
    store = next((one for one in stores if one.id == store_id), None)
    if store is None:
        raise errors.NotFound("no such store")
    cycle = container().queries.cycle(cycle_id)
    return _page(store, len(stores) > 1, cycle, rendered_at_ms=_now_ms(), typed=typed, refusal=refusal)


def _page(
    store: StoreView,
    has_other_stores: bool,  # noqa: FBT001 - one plain fact about the reader, named at each call's other end
    cycle: CycleView,
    *,
    rendered_at_ms: int,
    typed: TypedOrder | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    queries, person = container().queries, signed_in()
    order = queries.live_order(person.actor, cycle.id, store.id)
    offers = queries.offers(cycle.id, store_id=store.id, limit=MAX_OFFERS).items
    filled = typed or as_ordered(((offer.id, offer.ordered) for offer in offers), order.note if order else "")
    mine, shelves = arrange(offers, filled, refusal, locale())
    model = OrderPageModel(
        store=store,
        has_other_stores=has_other_stores,
        cycle=cycle,
        left=TimeLeft.between(cycle.server_time, cycle.cutoff_at),
        order=_amendable(order),
        typed=filled,
        mine=mine,
        shelves=shelves,
        refusal=refusal,
        rendered_at_ms=rendered_at_ms,
    )
    page = render_template("pages/order.html", page=model, words=order_page_words(), here="order")
    return Response(page, refusal.status if refusal else 200, mimetype="text/html")


def _amendable(order: OrderView | None) -> OrderView | None:
    return order if order is not None and order.editable_until is not None else None


def _choice(stores: tuple[StoreView, ...]) -> Response:
    return Response(render_template("pages/choose_store.html", stores=stores, here="order"), mimetype="text/html")


def _closed(store: StoreView) -> Response:
    """Say when the next market day opens, and point to what was ordered in the last."""
    scheduled = container().queries.cycles(CycleState.SCHEDULED, limit=MAX_SCHEDULED, cursor=None).items
    upcoming = min(scheduled, key=lambda cycle: cycle.opens_at, default=None)
    return Response(
        render_template("pages/closed.html", store=store, upcoming=upcoming, here="order"), mimetype="text/html"
    )


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


def _now_ms() -> int:
    """Return the time from which on the page wants news; taken before the rows are read, so that none is missed."""
    return time.time_ns() // 1_000_000

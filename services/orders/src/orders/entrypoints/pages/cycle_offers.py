"""The offers on the page of a market day: changed in place, taken out, priced as suggested, added from the products."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer
from orders.application.planning_offers import (
    AddCategory,
    AddedOffers,
    AddOffers,
    EditOffer,
    NewOffer,
    RemovedOffer,
    RemoveOffer,
)
from orders.application.planning_prices import Accepted, AcceptSuggestions
from orders.domain import errors
from orders.domain.offer import MIN_CASE_SIZE
from orders.domain.order import is_id
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.cycle_page import OFFER_FIELDS, OFFER_WAS, Filter, Refusal
from orders.entrypoints.pages.cycles import OK, UNPROCESSABLE, forged, page, refusal_of
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.typed import Typed

PRODUCTS_SHOWN = 50
MAX_KEPT = 200

blueprint = Blueprint("cycle_offers", __name__)


@blueprint.post("/staff/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>")
@private
def save(cycle_id: UUID, offer_id: UUID) -> Response:
    """Save one row; only what was changed in it counts, and only if nobody changed the same meanwhile."""
    typed = Typed(request.form, site().hub.time_zone)
    changes, shown = _changes(typed)

    def send() -> Response:
        command = EditOffer(
            signed_in().actor, str(cycle_id), str(offer_id), changes, shown=shown, reason=typed.text("reason")
        )
        return respond(container().planned_offers.edit(command, lambda _: _back(cycle_id, "saved", offer=offer_id)))

    return _tried(send, cycle_id, form=str(offer_id), typed=typed)


@blueprint.post("/staff/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>/accept")
@private
def accept(cycle_id: UUID, offer_id: UUID) -> Response:
    """Make the suggested price of one offer its price."""

    def send() -> Response:
        command = AcceptSuggestions(signed_in().actor, str(cycle_id), (str(offer_id),))
        return respond(
            container().planned_prices.accept(command, lambda _: _back(cycle_id, "accepted", offer=offer_id))
        )

    return _tried(send, cycle_id)


@blueprint.post("/staff/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>/remove")
@private
def remove(cycle_id: UUID, offer_id: UUID) -> Response:
    """Take an offer out, or close it when it was ordered."""

    def done(removed: RemovedOffer) -> Answer:
        if removed.offer is None:
            return _back(cycle_id, "removed", offer=offer_id, anchored=False)
        return _back(cycle_id, "closed", offer=offer_id, ordered=removed.offer.ordered)

    def send() -> Response:
        command = RemoveOffer(signed_in().actor, str(cycle_id), str(offer_id))
        return respond(container().planned_offers.remove(command, done))

    return _tried(send, cycle_id)


@blueprint.post("/staff/cycles/<uuid:cycle_id>/accept")
@private
def accept_all(cycle_id: UUID) -> Response:
    """Make all suggested prices the prices; with `fresh` only those from fresh quotes."""

    def done(accepted: Accepted) -> Answer:
        return _back(cycle_id, "accepted_all", changed=accepted.changed, stale=accepted.stale)

    def send() -> Response:
        actor, fresh_only = signed_in().actor, request.form.get("which") != "all"
        command = AcceptSuggestions(actor, str(cycle_id), fresh_only=fresh_only)
        return respond(container().planned_prices.accept(command, done, request_key(actor, required=False)))

    return _tried(send, cycle_id)


@blueprint.get("/staff/cycles/<uuid:cycle_id>/add")
@private
def choose(cycle_id: UUID) -> Response:
    """Show products that are not offered yet."""
    return _products(cycle_id, Filter.of(request.args))


@blueprint.post("/staff/cycles/<uuid:cycle_id>/add")
@private
def add(cycle_id: UUID) -> Response:
    """Offer the ticked products, or all of a category."""
    actor = signed_in().actor
    actor.require_staff()
    wanted = Filter.of(request.form)

    def done(added: AddedOffers) -> Answer:
        return _back(cycle_id, "added", added=len(added.offers), unpriced=len(added.unpriced))

    typed = Typed(request.form, site().hub.time_zone)
    ticked = request.form.getlist("product")[:PRODUCTS_SHOWN]
    offers = tuple(NewOffer(product_id, _values(typed, product_id)) for product_id in ticked if is_id(product_id))
    kept = {name: text[:MAX_KEPT] for name, text in request.form.items()}
    try:
        site().forms.require()
        key = request_key(actor, required=False)
        if request.form.get("all"):
            command = AddCategory(actor, str(cycle_id), wanted.category or "")
            return respond(container().planned_offers.add_category(command, done, key))
        if not offers or typed.wrong:
            title = _("Something needs a look.") if offers else _("Tick at least one product.")
            return _products(cycle_id, wanted, Refusal(UNPROCESSABLE, title, "", "add", kept, typed.wrong), ticked)
        return respond(container().planned_offers.add(AddOffers(actor, str(cycle_id), offers), done, key))
    except ForgedForm:
        return _products(cycle_id, wanted, forged("add", kept), ticked)
    except errors.Refused as refused:
        refusal = refusal_of(refused, "add", kept)
        if refusal is None:
            raise
        return _products(cycle_id, wanted, _by_product(refusal, offers), ticked)


def _values(typed: Typed, product_id: str) -> Mapping[str, Any]:
    """Read the two fields beside a ticked product; an empty price means the usual one."""
    values: dict[str, Any] = {"available": typed.number(f"available-{product_id}")}
    if typed.text(f"price-{product_id}").strip():
        values["unit_price_cents"] = typed.cents(f"price-{product_id}")
    return values


def _by_product(refusal: Refusal, offers: tuple[NewOffer, ...]) -> Refusal:
    """Name the fields that are wrong as the form of products does, instead of by their place in the list."""
    names = {"unit_price_cents": "price", "available": "available", "product_id": "price"}
    wrong: dict[str, str] = {}
    for name, sentence in refusal.wrong.items():
        _offers, _dot, place = name.partition(".")
        number, _dot, field = place.partition(".")
        if number.isdigit():
            wrong[f"{names.get(field, 'price')}-{offers[int(number)].product_id}"] = sentence
    return Refusal(refusal.status, refusal.title, refusal.text, refusal.form, refusal.typed, wrong)


def _products(
    cycle_id: UUID, wanted: Filter, refusal: Refusal | None = None, ticked: list[str] | None = None
) -> Response:
    actor, queries = signed_in().actor, container().planning_queries
    products = queries.products(
        actor, str(cycle_id), limit=PRODUCTS_SHOWN + 1, category=wanted.category, text=wanted.text
    )
    body = render_template(
        "pages/cycle_add.html",
        day=queries.day(actor, str(cycle_id)),
        products=products[:PRODUCTS_SHOWN],
        has_more=len(products) > PRODUCTS_SHOWN,
        categories=queries.product_categories(actor, str(cycle_id)),
        filter=wanted,
        refusal=refusal,
        typed=refusal.typed if refusal else {},
        wrong=refusal.wrong if refusal else {},
        ticked=frozenset(ticked or ()),
        key=str(uuid4()),
        here="cycles",
    )
    return Response(body, refusal.status if refusal else OK, mimetype="text/html")


def _changes(typed: Typed) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs from what the page showed: the new values, and what they were."""
    was = Typed(
        {name.removeprefix(OFFER_WAS): text for name, text in typed.texts.items() if name.startswith(OFFER_WAS)},
        typed.zone,
    )
    names = [name for name in OFFER_FIELDS if name in typed.texts and typed.text(name) != was.text(name)]
    changes = {name: _value(typed, name) for name in names}
    shown = {name: _value(was, name) for name in names}
    # Seconds of a cutoff are not shown, and hidden fields that hold nonsense guard nothing.
    shown.pop("cutoff_at", None)
    return changes, {} if was.wrong else shown


def _value(typed: Typed, name: str) -> Any:
    if name == "unit_price_cents":
        return typed.cents(name)
    if name == "cutoff_at":
        return typed.moment(name, required=False)
    number = typed.number(name)
    # One at a time is what no case size means.
    return None if name == "case_size" and number is not None and number < MIN_CASE_SIZE else number


def _tried(
    send: Callable[[], Response], cycle_id: UUID, *, form: str = "offers", typed: Typed | None = None
) -> Response:
    signed_in().actor.require_staff()
    names = (*OFFER_FIELDS, *(f"{OFFER_WAS}{name}" for name in OFFER_FIELDS), "reason")
    kept = {name: request.form.get(name, "")[:MAX_KEPT] for name in names if name in request.form}
    wanted = _filter()
    try:
        site().forms.require()
        if typed is not None and typed.wrong:
            title = _("Something needs a look.")
            return page(cycle_id, wanted, refusal=Refusal(UNPROCESSABLE, title, "", form, kept, typed.wrong))
        return send()
    except ForgedForm:
        return page(cycle_id, wanted, refusal=forged(form, kept))
    except errors.Refused as refused:
        refusal = refusal_of(refused, form, kept)
        if refusal is None:
            raise
        return page(cycle_id, wanted, refusal=refusal)


def _filter() -> Filter:
    """Return which part of the list the form stood in."""
    return Filter.of(dict(parse_qsl(request.form.get("back", "")[:2_000])))


def _back(cycle_id: UUID, what: str, *, offer: UUID | None = None, anchored: bool = True, **figures: int) -> Answer:
    """Go back to where the form stood, with what is to be said."""
    more = {"done": what, **{name: str(number) for name, number in figures.items()}}
    query = _filter().query(offer=str(offer) if offer else None, **more)
    anchor = f"#offer-{offer}" if offer and anchored else ""
    return Answer(303, "", (("Location", f"/staff/cycles/{cycle_id}?{query}{anchor}"),))

"""The offers of a market day as staff plan them, and what happened to each."""

from uuid import UUID

from flask import Blueprint, Response, request

from orders.application.commands import Answer
from orders.application.planning_offers import AddedOffers, AddOffers, EditOffer, RemovedOffer, RemoveOffer
from orders.application.planning_prices import Accepted, AcceptSuggestions
from orders.domain.offer import PlannedOffer
from orders.entrypoints.api import paging
from orders.entrypoints.api.operations import CURSOR, IDEMPOTENCY_KEY, LIMIT, Parameter, operation
from orders.entrypoints.api.planning_bodies import (
    AcceptedOut,
    AcceptIn,
    OfferChange,
    OfferIn,
    OfferOrOffersIn,
    OfferOrOffersOut,
    OfferPlanOut,
    OffersAddedOut,
    OffersIn,
    TrailEntryOut,
    TrailPage,
)
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.versions import etag, expected_version
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

IF_MATCH = Parameter(
    "If-Match", "header", "the offer's version as an ETag; every order moves it on, so it may be left out"
)
_PROBLEMS = {
    404: ("not-found",),
    409: ("cycle-not-editable", "idempotency-key-in-flight"),
    422: ("invalid", "idempotency-key-reused"),
}


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.post("/cycles/<uuid:cycle_id>/offers")(add_offers)
    blueprint.patch("/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>")(edit_offer)
    blueprint.delete("/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>")(remove_offer)
    blueprint.post("/cycles/<uuid:cycle_id>/accept-suggestions")(accept_suggestions)
    blueprint.get("/offers/<uuid:offer_id>/timeline")(offer_timeline)


@operation(
    "Offer one product, or up to 500",
    answers={201: OfferOrOffersOut},
    problems=_PROBLEMS,
    body=OfferOrOffersIn,
    parameters=(IDEMPOTENCY_KEY,),
)
def add_offers(cycle_id: UUID) -> Response:
    """Offer products; all of them or none."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    sent = request.get_json(silent=True)
    if isinstance(sent, dict) and "offers" in sent:
        offers = tuple(offer.offer() for offer in OffersIn.of_request().offers)
        return respond(container().planned_offers.add(AddOffers(actor, str(cycle_id), offers), _added, key))
    one = (OfferIn.of_request().offer(),)
    return respond(
        container().planned_offers.add(AddOffers(actor, str(cycle_id), one, is_single=True), _added_one, key)
    )


@operation(
    "Change price, stock or limits of an offer",
    answers={200: OfferPlanOut},
    problems={**_PROBLEMS, 412: ("version-conflict",)},
    body=OfferChange,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def edit_offer(cycle_id: UUID, offer_id: UUID) -> Response:
    """Change an offer."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    body = OfferChange.of_request()
    command = EditOffer(actor, str(cycle_id), str(offer_id), body.changes(), _expected(offer_id), reason=body.reason)
    return respond(container().planned_offers.edit(command, _changed, key))


@operation(
    "Take an offer out; one that was ordered is closed instead, and answered",
    answers={200: OfferPlanOut, 204: None},
    problems={**_PROBLEMS, 412: ("version-conflict",)},
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def remove_offer(cycle_id: UUID, offer_id: UUID) -> Response:
    """Remove an offer, or close it."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    command = RemoveOffer(actor, str(cycle_id), str(offer_id), _expected(offer_id))
    return respond(container().planned_offers.remove(command, _removed, key))


@operation(
    "Make suggested prices the prices",
    answers={200: AcceptedOut},
    problems=_PROBLEMS,
    body=AcceptIn,
    parameters=(IDEMPOTENCY_KEY,),
)
def accept_suggestions(cycle_id: UUID) -> Response:
    """Accept suggestions: of some offers or of all, of fresh quotes only or of any."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    body = AcceptIn.of_request(optional=True)
    ids = None if body.offer_ids is None else tuple(body.offer_ids)
    command = AcceptSuggestions(actor, str(cycle_id), ids, fresh_only=body.fresh_only)
    return respond(container().planned_prices.accept(command, _accepted, key))


@operation(
    "What happened to an offer, newest first",
    answers={200: TrailPage},
    problems={404: ("not-found",), 422: ("invalid",)},
    parameters=(LIMIT, CURSOR),
)
def offer_timeline(offer_id: UUID) -> Response:
    """Page through an offer's trail, also of one that was taken out."""
    page = container().planning_queries.trail(
        caller().actor, str(offer_id), limit=paging.limit(), cursor=paging.cursor()
    )
    items = [TrailEntryOut.model_validate(entry) for entry in page.items]
    return reply(TrailPage(items=items, next=paging.next_path(page)))


def _expected(offer_id: UUID) -> int | None:
    queries, actor = container().planning_queries, caller().actor
    return expected_version(lambda: queries.offer(actor, str(offer_id)).version, required=False)


def _added(added: AddedOffers) -> Answer:
    return Answer(201, OffersAddedOut.of(added).model_dump_json())


def _added_one(added: AddedOffers) -> Answer:
    offer = added.offers[0]
    return Answer(201, OfferPlanOut.of(offer).model_dump_json(), (("ETag", etag(offer.version)),))


def _changed(offer: PlannedOffer) -> Answer:
    return Answer(200, OfferPlanOut.of(offer).model_dump_json(), (("ETag", etag(offer.version)),))


def _removed(removed: RemovedOffer) -> Answer:
    return Answer(204, "") if removed.offer is None else _changed(removed.offer)


def _accepted(accepted: Accepted) -> Answer:
    return Answer(200, AcceptedOut.of(accepted).model_dump_json())

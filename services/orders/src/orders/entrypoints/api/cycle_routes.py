"""Market days and their offers."""

from uuid import UUID

from flask import Blueprint, Response, request

from orders.domain.cycle import CycleState
from orders.domain.errors import FieldError, Invalid, NotFound
from orders.entrypoints.api import paging
from orders.entrypoints.api.operations import CURSOR, LIMIT, Parameter, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.response_bodies import CurrentCycleOut, CycleOut, CyclesPage, OfferOut, OffersPage
from orders.entrypoints.identity import caller, container

MAX_OFFERS_AT_ONCE = 500
_UNSEEN = frozenset({CycleState.SCHEDULED, CycleState.CANCELLED})
_STATES = [state.value for state in CycleState]
_STATE = Parameter("state", "query", "only market days in this state", schema={"type": "string", "enum": _STATES})
_CATEGORY = Parameter("category", "query", "only this category")
_TEXT = Parameter("q", "query", "only products whose name, English or Spanish, contains this")


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.get("/cycles")(cycles)
    blueprint.get("/cycles/current")(current)
    blueprint.get("/cycles/<uuid:cycle_id>/offers")(offers)


@operation(
    "Market days, latest cutoff first",
    answers={200: CyclesPage},
    problems={422: ("invalid",)},
    parameters=(_STATE, LIMIT, CURSOR),
)
def cycles() -> Response:
    """List market days."""
    given = request.args.get("state")
    if given is not None and given not in _STATES:
        raise Invalid(FieldError("state", f"one of {', '.join(_STATES)}"))
    state = None if given is None else CycleState(given)
    page = container().queries.cycles(state, limit=paging.limit(), cursor=paging.cursor())
    return reply(CyclesPage(items=[CycleOut.of(cycle) for cycle in page.items], next=paging.next_path(page)))


@operation(
    "The open market day with the nearest cutoff, with up to 500 offers",
    answers={200: CurrentCycleOut},
    problems={404: ("not-found",)},
)
def current() -> Response:
    """Answer the current market day."""
    cycle = container().queries.current_cycle()
    if cycle is None:
        raise NotFound("no market day is open")
    page = container().queries.offers(cycle.id, limit=MAX_OFFERS_AT_ONCE)
    return reply(CurrentCycleOut.with_offers(cycle, page.items))


@operation(
    "The offers of a market day, by category and name",
    answers={200: OffersPage},
    problems={404: ("not-found",), 422: ("invalid",)},
    parameters=(_CATEGORY, _TEXT, LIMIT, CURSOR),
)
def offers(cycle_id: UUID) -> Response:
    """Page through a market day's offers."""
    queries = container().queries
    cycle = queries.cycle(str(cycle_id))
    if cycle.state in _UNSEEN:
        # What a day that has not opened will cost is nobody's business but that of those who plan it.
        caller().actor.require_staff()
    page = queries.offers(
        cycle.id,
        limit=paging.limit(),
        cursor=paging.cursor(),
        category=paging.text_argument("category"),
        text=paging.text_argument("q"),
    )
    return reply(OffersPage(items=[OfferOut.of(offer) for offer in page.items], next=paging.next_path(page)))

"""Market days as staff plan them."""

from uuid import UUID

from flask import Blueprint, Response

from orders.application.commands import Answer
from orders.application.planning import CancelCycle, CopyCycle, EditCycle, PlanCycle, PlannedDay
from orders.domain.errors import NotFound
from orders.entrypoints.api.operations import IDEMPOTENCY_KEY, Parameter, operation
from orders.entrypoints.api.planning_bodies import (
    Cancellation,
    CopiedCycleOut,
    CycleChange,
    CycleDetailOut,
    NewCycle,
)
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.versions import etag, expected_version
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

IF_MATCH = Parameter("If-Match", "header", "the market day's ETag, the weak form too")
_KEYED = {409: ("idempotency-key-in-flight",), 422: ("invalid", "idempotency-key-reused")}
_CHANGED = {
    404: ("not-found",),
    409: ("cycle-not-editable", "idempotency-key-in-flight"),
    412: ("version-conflict",),
    422: ("invalid", "idempotency-key-reused"),
}


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.post("/cycles")(plan_cycle)
    blueprint.get("/cycles/<uuid:cycle_id>")(cycle)
    blueprint.patch("/cycles/<uuid:cycle_id>")(edit_cycle)
    blueprint.post("/cycles/<uuid:cycle_id>/copy")(copy_cycle)
    blueprint.post("/cycles/<uuid:cycle_id>/cancel")(cancel_cycle)


@operation(
    "Plan a market day",
    answers={201: CycleDetailOut},
    problems=_KEYED,
    body=NewCycle,
    parameters=(IDEMPOTENCY_KEY,),
)
def plan_cycle() -> Response:
    """Plan a market day without offers."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    return respond(container().planning.plan(PlanCycle(actor, NewCycle.of_request().given()), _created, key))


@operation("One market day with its plan", answers={200: CycleDetailOut}, problems={404: ("not-found",)})
def cycle(cycle_id: UUID) -> Response:
    """Answer one market day with its ETag."""
    day = container().planning.show(str(cycle_id))
    response = reply(CycleDetailOut.of(day.cycle, day.server_time))
    response.headers["ETag"] = etag(day.cycle.version)
    return response


@operation(
    "Change the plan of a market day",
    answers={200: CycleDetailOut},
    problems={**_CHANGED, 428: ("precondition-required",)},
    body=CycleChange,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def edit_cycle(cycle_id: UUID) -> Response:
    """Change a market day that is still as the caller last saw it."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    expected = _expected(cycle_id, required=True)
    command = EditCycle(actor, str(cycle_id), expected, CycleChange.of_request().changes())
    return respond(container().planning.edit(command, _shown, key))


@operation(
    "Plan a market day with the offers of another one; what the body leaves out is proposed",
    answers={201: CopiedCycleOut},
    problems={404: ("not-found",), **_KEYED},
    body=CycleChange,
    parameters=(IDEMPOTENCY_KEY,),
)
def copy_cycle(cycle_id: UUID) -> Response:
    """Copy a market day."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    command = CopyCycle(actor, str(cycle_id), CycleChange.of_request(optional=True).changes())
    return respond(container().planning.copy(command, _copied, key))


@operation(
    "Cancel a market day and all its orders",
    answers={200: CycleDetailOut},
    problems=_CHANGED,
    body=Cancellation,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def cancel_cycle(cycle_id: UUID) -> Response:
    """Cancel a market day: no more orders at once, those that are there within seconds."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    expected = _expected(cycle_id, required=False)
    command = CancelCycle(actor, str(cycle_id), expected, Cancellation.of_request().reason)
    return respond(container().planning.cancel(command, _shown, key))


def _expected(cycle_id: UUID, *, required: bool) -> int | None:
    def current() -> int:
        try:
            return container().planning.show(str(cycle_id)).cycle.version
        except NotFound:
            return 0

    return expected_version(current, required=required)


def _created(day: PlannedDay) -> Answer:
    body = CycleDetailOut.of(day.cycle, day.server_time).model_dump_json()
    return Answer(201, body, (("Location", f"/api/v1/cycles/{day.cycle.id}"), ("ETag", etag(day.cycle.version))))


def _copied(day: PlannedDay) -> Answer:
    body = CopiedCycleOut.of_copy(day).model_dump_json()
    return Answer(201, body, (("Location", f"/api/v1/cycles/{day.cycle.id}"), ("ETag", etag(day.cycle.version))))


def _shown(day: PlannedDay) -> Answer:
    body = CycleDetailOut.of(day.cycle, day.server_time).model_dump_json()
    return Answer(200, body, (("ETag", etag(day.cycle.version)),))

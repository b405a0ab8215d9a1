"""A store's standing order."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import Field

from orders.application.commands import Answer
from orders.application.standing_desk import NONE_YET, SaveStandingOrder
from orders.application.standing_orders import Drop, RunView, StandingLine, StandingLineView, StandingOrder
from orders.domain.errors import NotFound, VersionConflict
from orders.domain.order import MAX_LINES, MAX_QUANTITY
from orders.entrypoints.api.operations import IDEMPOTENCY_KEY, IF_MATCH, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.request_bodies import Cents, Id, In, Note
from orders.entrypoints.api.response_bodies import Out
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container
from orders.entrypoints.problems import PreconditionRequired

MAX_VERSION_DIGITS = 9
NO_VERSION = -1
"""No standing order ever has it: an If-Match that names none of ours conflicts."""


class StandingLineIn(In):
    product_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    max_unit_price_cents: Cents | None = None

    def line(self) -> StandingLine:
        """Return the line as the use case takes it."""
        return StandingLine(self.product_id, self.quantity, self.max_unit_price_cents)


class StandingOrderIn(In):
    """`active` false pauses it; left out, it stays as it is."""

    lines: Annotated[list[StandingLineIn], Field(min_length=1, max_length=MAX_LINES)]
    note: Note = ""
    active: bool | None = None


class StandingLineOut(Out):
    """`is_sold` false: the product was taken off the list and is skipped until it comes back."""

    product_id: str
    name: str
    name_es: str
    pack: str
    quantity: int
    max_unit_price_cents: int | None
    is_sold: bool

    @classmethod
    def of(cls, line: StandingLineView) -> Self:
        """Show a line."""
        return cls(
            product_id=line.product.id,
            name=line.product.name,
            name_es=line.product.name_es,
            pack=line.product.pack,
            quantity=line.quantity,
            max_unit_price_cents=line.max_unit_price_cents,
            is_sold=line.is_sold,
        )


class DropOut(Out):
    """Why a product came less than wished for, or not at all."""

    product_id: str
    name: str
    name_es: str
    reason: Literal["not_offered", "offer_closed", "price_limit", "store_limit", "sold_out", "short"]
    wanted: int
    given: int
    limit_cents: int | None
    price_cents: int | None

    @classmethod
    def of(cls, drop: Drop) -> Self:
        """Show a drop."""
        return cls.model_validate(drop)


class RunOut(Out):
    """What became of it on a market day; `saved_later`: it was saved when that day was open already."""

    cycle_id: str
    cycle_name: str
    delivery_on: date
    outcome: Literal["placed", "has_order", "nothing_left", "refused", "inactive", "saved_later"]
    order_id: str | None
    order_number: int | None
    drops: list[DropOut]
    at: datetime

    @classmethod
    def of(cls, run: RunView) -> Self:
        """Show a run."""
        return cls(
            cycle_id=run.cycle_id,
            cycle_name=run.cycle_name,
            delivery_on=run.delivery_on,
            outcome=run.outcome.value,
            order_id=run.order_id,
            order_number=run.order_number,
            drops=[DropOut.of(drop) for drop in run.drops],
            at=run.at,
        )


class StandingOrderOut(Out):
    store_id: str
    active: bool
    note: str
    version: int
    lines: list[StandingLineOut]
    updated_at: datetime

    @classmethod
    def of(cls, standing: StandingOrder) -> Self:
        """Show a standing order as it was just written."""
        return cls(
            store_id=standing.store_id,
            active=standing.active,
            note=standing.note,
            version=standing.version,
            lines=[StandingLineOut.of(line) for line in standing.lines],
            updated_at=standing.updated_at,
        )


class StandingOrderWithRunsOut(StandingOrderOut):
    """`runs` are the last times it was due, newest first."""

    runs: list[RunOut]


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.get("/stores/<uuid:store_id>/standing-order")(standing_order)
    blueprint.put("/stores/<uuid:store_id>/standing-order")(save_standing_order)
    blueprint.delete("/stores/<uuid:store_id>/standing-order")(remove_standing_order)


@operation(
    "A store's standing order, with what became of it lately",
    answers={200: StandingOrderWithRunsOut},
    problems={404: ("not-found",)},
)
def standing_order(store_id: UUID) -> Response:
    """Answer the standing order with its ETag."""
    actor = caller().actor
    found = container().standing.of_store(actor, str(store_id))
    if found is None:
        raise NotFound("no standing order")
    runs = [RunOut.of(run) for run in container().standing.runs(actor, str(store_id))]
    shown = StandingOrderWithRunsOut(**StandingOrderOut.of(found).model_dump(), runs=runs)
    response = reply(shown)
    response.headers["ETag"] = _etag(found)
    return response


@operation(
    "Make or replace a store's standing order: placed when a market day opens, capped to what there is",
    answers={200: StandingOrderOut, 201: StandingOrderOut},
    problems={
        404: ("not-found",),
        409: ("idempotency-key-in-flight",),
        412: ("version-conflict",),
        422: ("invalid", "idempotency-key-reused"),
        428: ("precondition-required",),
    },
    body=StandingOrderIn,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def save_standing_order(store_id: UUID) -> Response:
    """Write the standing order; replacing one takes its ETag."""
    actor = caller().actor
    once = request_key(actor, required=False)
    is_conditional = bool(request.headers.get("If-Match", "").strip(" ,"))
    body = StandingOrderIn.of_request()
    command = SaveStandingOrder(
        actor=actor,
        store_id=str(store_id),
        expected_version=_expected_version() if is_conditional else NONE_YET,
        lines=tuple(line.line() for line in body.lines),
        note=body.note,
        active=body.active,
    )
    try:
        return respond(container().standing_desk.save(command, _saved, once))
    except VersionConflict as conflict:
        if is_conditional:
            raise
        raise PreconditionRequired("there is one already: send its ETag as If-Match") from conflict


@operation(
    "Give up a store's standing order",
    answers={204: None},
    problems={
        404: ("not-found",),
        409: ("idempotency-key-in-flight",),
        412: ("version-conflict",),
        422: ("idempotency-key-reused",),
    },
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def remove_standing_order(store_id: UUID) -> Response:
    """Delete the standing order; orders made of it stay."""
    actor = caller().actor
    once = request_key(actor, required=False)
    return respond(container().standing_desk.remove(actor, str(store_id), _expected_version(), once))


def _saved(standing: StandingOrder) -> Answer:
    status = 201 if standing.version == 1 else 200
    return Answer(status, StandingOrderOut.of(standing).model_dump_json(), (("ETag", _etag(standing)),))


def _etag(standing: StandingOrder) -> str:
    return f'"{standing.version}"'


def _expected_version() -> int | None:
    """Read If-Match: None for no condition or `*`; several tags are as good as none of ours."""
    wanted = request.if_match
    if not wanted or wanted.star_tag:
        return None
    tags = {tag for tag in wanted.as_set(include_weak=True) if tag and tag.isascii() and tag.isdigit()}
    versions = [int(tag) for tag in tags if len(tag) <= MAX_VERSION_DIGITS]
    return versions[0] if len(versions) == 1 else NO_VERSION

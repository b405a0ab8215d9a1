"""Orders."""

from uuid import UUID

from flask import Blueprint, Response

from orders.application.commands import AmendOrder, CancelOrder, PlaceOrder
from orders.application.queries import OrderFilter
from orders.domain.people import Actor
from orders.entrypoints.api import paging
from orders.entrypoints.api.operations import CURSOR, IDEMPOTENCY_KEY, IF_MATCH, LIMIT, Parameter, operation
from orders.entrypoints.api.replies import cancelled, changed, created, etag, reply
from orders.entrypoints.api.request_bodies import NewOrder, OrderChange
from orders.entrypoints.api.response_bodies import OrderOut, OrdersPage
from orders.entrypoints.api.versions import expected_version
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

_ID = {"type": "string", "format": "uuid"}
_SINCE = (
    "only changed at or after. Who polls asks again from a minute before the newest `updated_at` seen, and ignores what"
    " it has by id and version: a change says when it was written, and is seen a bit later, when its transaction ends"
)
_FILTERS = (
    Parameter("cycle_id", "query", "only of this market day", schema=_ID),
    Parameter("store_id", "query", "only of this store", schema=_ID),
    Parameter("updated_since", "query", _SINCE, schema={"type": "string", "format": "date-time"}),
)
_REASON = Parameter("reason", "query", "why, for the order's history; up to 200 characters")
_REFUSALS = ("sold-out", "cycle-closed", "price-changed")


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.post("/orders")(place)
    blueprint.get("/orders")(orders)
    blueprint.get("/orders/<uuid:order_id>")(order)
    blueprint.put("/orders/<uuid:order_id>")(amend)
    blueprint.delete("/orders/<uuid:order_id>")(cancel)


@operation(
    "Place an order",
    answers={201: OrderOut},
    problems={
        403: ("forbidden",),
        409: (*_REFUSALS, "order-exists"),
        422: ("invalid",),
    },
    body=NewOrder,
    parameters=(IDEMPOTENCY_KEY,),
)
def place() -> Response:
    """Place an order, once per Idempotency-Key."""
    actor = caller().actor
    once = request_key(actor, required=True)
    body = NewOrder.of_request()
    command = PlaceOrder(
        actor=actor,
        cycle_id=body.cycle_id,
        store_id=body.store_id,
        lines=body.wishes(),
        note=body.note or "",
        on_shortage=body.shortage_rule(),
        reason=body.reason.strip(),
    )
    return respond(container().ordering.place(command, created, once))


@operation(
    "Orders, newest first; a buyer's own stores only",
    answers={200: OrdersPage},
    problems={422: ("invalid",)},
    parameters=(*_FILTERS, LIMIT, CURSOR),
)
def orders() -> Response:
    """Page through orders."""
    wanted = OrderFilter(
        cycle_id=paging.id_argument("cycle_id"),
        store_id=paging.id_argument("store_id"),
        updated_since=paging.time_argument("updated_since"),
    )
    page = container().queries.orders(caller().actor, wanted, limit=paging.limit(), cursor=paging.cursor())
    return reply(OrdersPage(items=[OrderOut.of(found) for found in page.items], next=paging.next_path(page)))


@operation("One order", answers={200: OrderOut}, problems={404: ("not-found",)})
def order(order_id: UUID) -> Response:
    """Answer one order with its ETag."""
    found = container().queries.order(caller().actor, str(order_id))
    response = reply(OrderOut.of(found))
    response.headers["ETag"] = etag(found)
    return response


@operation(
    "Replace an order's lines",
    answers={200: OrderOut},
    problems={
        404: ("not-found",),
        409: (*_REFUSALS, "order-not-editable"),
        412: ("version-conflict",),
        422: ("invalid",),
        428: ("precondition-required",),
    },
    body=OrderChange,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def amend(order_id: UUID) -> Response:
    """Amend an order that is still as the caller last saw it."""
    actor = caller().actor
    once = request_key(actor, required=False)
    expected = _expected_version(actor, str(order_id), required=True)
    body = OrderChange.of_request()
    command = AmendOrder(
        actor=actor,
        order_id=str(order_id),
        expected_version=expected,
        lines=body.wishes(),
        note=body.note,
        on_shortage=body.shortage_rule(),
        reason=body.reason.strip(),
    )
    return respond(container().ordering.amend(command, changed, once))


@operation(
    "Cancel an order and give its stock back",
    answers={204: None},
    problems={
        404: ("not-found",),
        409: ("cycle-closed", "order-not-editable"),
        412: ("version-conflict",),
        422: ("invalid",),
    },
    parameters=(IF_MATCH, IDEMPOTENCY_KEY, _REASON),
)
def cancel(order_id: UUID) -> Response:
    """Cancel an order."""
    actor = caller().actor
    once = request_key(actor, required=False)
    reason = (paging.text_argument("reason") or "").strip()
    command = CancelOrder(actor, str(order_id), _expected_version(actor, str(order_id)), reason)
    return respond(container().ordering.cancel(command, cancelled, once))


def _expected_version(actor: Actor, order_id: str, *, required: bool = False) -> int | None:
    return expected_version(lambda: container().queries.order(actor, order_id).version, required=required)

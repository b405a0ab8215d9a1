"""The orders so far, one of them with what happened to it, and cancelling it."""

from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import CancelOrder
from orders.domain import errors
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages import refusals
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.ordering import gone_to, shown_version
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.site import site

ORDERS_PER_PAGE = 30

blueprint = Blueprint("my_orders", __name__)


@blueprint.get("/orders")
@private
def index() -> Response:
    """List the newest orders; a buyer's own stores', all of them for staff."""
    cursor = request.args.get("cursor")
    orders = container().queries.order_summaries(signed_in().actor, limit=ORDERS_PER_PAGE, cursor=cursor)
    page = render_template("pages/orders.html", orders=orders, is_first=cursor is None, here="orders")
    return Response(page, mimetype="text/html")


@blueprint.get("/orders/<uuid:order_id>")
@private
def one(order_id: UUID) -> Response:
    """Show one order."""
    return _page(order_id, done=request.args.get("done"))


@blueprint.post("/orders/<uuid:order_id>/cancel")
@private
def cancel(order_id: UUID) -> Response:
    """Cancel an order; 303 back to it, or the order as it is now with what stands in the way."""
    person = signed_in()
    once = request_key(person.actor, required=False)
    try:
        site().forms.require()
        command = CancelOrder(person.actor, str(order_id), shown_version())
        return respond(container().ordering.cancel(command, gone_to("cancelled"), once))
    except ForgedForm:
        return _page(order_id, refusal=refusals.forged())
    except errors.VersionConflict:
        return _page(order_id, refusal=refusals.changed_before_cancelling())
    except (errors.CycleClosed, errors.OrderNotEditable):
        return _page(order_id, refusal=refusals.too_late_to_cancel())


def _page(order_id: UUID, *, done: str | None = None, refusal: refusals.Refusal | None = None) -> Response:
    page = container().queries.order_page(signed_in().actor, str(order_id))
    body = render_template(
        "pages/one_order.html", page=page, done=done, refusal=refusal, key=str(uuid4()), here="orders"
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")

"""The orders so far, one of them with what happened to it and what was said about it; cancelling and commenting."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer, CancelOrder
from orders.application.comment_book import MAX_CHARACTERS, MAX_PER_ORDER, CommentView
from orders.application.queries import LineView
from orders.application.reasons import MAX_REASON_CHARACTERS
from orders.domain import errors
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages import one_order_refusals, refusals
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.order_form import clean
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


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into the forms of the page, shown again when it could not be sent."""

    comment: str = ""
    reason: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)


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
    reason = clean(request.form.get("reason", ""))[:MAX_REASON_CHARACTERS]
    typed = Typed(reason=reason)
    try:
        site().forms.require()
        command = CancelOrder(person.actor, str(order_id), shown_version(), reason.strip())
        return respond(container().ordering.cancel(command, gone_to("cancelled"), once))
    except ForgedForm:
        return _page(order_id, refusal=one_order_refusals.forged_cancelling(), typed=typed)
    except errors.Refused as refused:
        refusal = one_order_refusals.cancelling(refused, lambda: _lines(order_id))
        if refusal is None:
            raise
        return _page(order_id, refusal=refusal, typed=typed)


def _lines(order_id: UUID) -> tuple[LineView, ...]:
    return container().queries.order(signed_in().actor, str(order_id)).lines


@blueprint.post("/orders/<uuid:order_id>/comments")
@private
def comment(order_id: UUID) -> Response:
    """Write a comment; 303 back to the order, or the order with what was typed and what is wrong with it."""
    person = signed_in()
    once = request_key(person.actor, required=False)
    text = clean(request.form.get("text", ""))
    kept = text[: 2 * MAX_CHARACTERS]
    try:
        site().forms.require()
        return respond(container().commenting.post(person.actor, str(order_id), text, _commented, once))
    except ForgedForm:
        return _page(order_id, refusal=refusals.forged(), typed=Typed(kept))
    except errors.Invalid:
        typed = Typed(kept, wrong={"text": one_order_refusals.comment_length()})
        return _page(order_id, refusal=one_order_refusals.comment_of_wrong_length(), typed=typed)
    except (errors.KeyReused, errors.KeyInFlight):
        return _page(order_id, refusal=one_order_refusals.comment_sent_before(), typed=Typed(kept))
    except errors.TooManyComments:
        return _page(order_id, refusal=one_order_refusals.too_many_comments(), typed=Typed(kept))


def _commented(written: CommentView) -> Answer:
    return Answer(303, "", (("Location", f"/orders/{written.order_id}?done=commented#comments"),))


def _page(
    order_id: UUID, *, done: str | None = None, refusal: refusals.Refusal | None = None, typed: Typed | None = None
) -> Response:
    actor, shown = signed_in().actor, typed or Typed()
    rendered_at_ms = time.time_ns() // 1_000_000
    page = container().queries.order_page(actor, str(order_id))
    body = render_template(
        "pages/one_order.html",
        page=page,
        comments=container().comments.of_order(actor, str(order_id)),
        most_comments=MAX_PER_ORDER,
        has_standing=container().standing.of_store(actor, page.order.store_id) is not None,
        done=done,
        refusal=refusal,
        key=str(uuid4()),
        comment_key=str(uuid4()),
        typed_comment=shown.comment,
        typed_reason=shown.reason,
        wrong=shown.wrong,
        is_cancelling=refusal is not None and refusal.of_cancelling,
        rendered_at_ms=rendered_at_ms,
        here="orders",
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")

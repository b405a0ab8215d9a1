"""The orders so far, looked through; one of them with what happened and was said about it; cancelling, commenting."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer, CancelOrder
from orders.application.comment_book import MAX_CHARACTERS, MAX_PER_ORDER, CommentView
from orders.application.order_lists import OrderSearch
from orders.application.queries import LineView
from orders.application.reasons import MAX_REASON_CHARACTERS
from orders.application.shop import View
from orders.domain import errors
from orders.domain.order import OrderState, is_id
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages import one_order_refusals, refusals
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.mails import mail_texts
from orders.entrypoints.pages.ordering import gone_to, shown_version
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.shop_view import searched_text
from orders.entrypoints.pages.site import site

ORDERS_PER_PAGE = 30
MAX_BODY_CHARACTERS = 1_000_000
"""Longer than any body: a comment that is too long is refused, not cut."""
MARKET_DAYS_LISTED = 60
DONE = frozenset({"placed", "amended", "cancelled", "commented"})
MAX_NUMBER_DIGITS = 15

blueprint = Blueprint("my_orders", __name__)


@dataclass(frozen=True, slots=True)
class Looking:
    """What the list was asked for, as it was asked; what makes no sense counts as not asked."""

    text: str = ""
    cycle: str = ""
    store: str = ""
    state: str = ""

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> "Looking":
        cycle, store, state = (arguments.get(name, "") for name in ("cycle", "store", "state"))
        return cls(
            text=searched_text(arguments.get("q")),
            cycle=cycle if is_id(cycle) else "",
            store=store if is_id(store) else "",
            state=state if state in {known.value for known in OrderState} else "",
        )

    @property
    def is_any(self) -> bool:
        return bool(self.text or self.cycle or self.store or self.state)

    def search(self) -> OrderSearch:
        """Return what to ask the database; a text of digits is the number of an order."""
        number = self.text.removeprefix("#")
        is_number = number.isascii() and number.isdigit() and len(number) <= MAX_NUMBER_DIGITS
        return OrderSearch(
            cycle_id=self.cycle or None,
            store_id=self.store or None,
            state=OrderState(self.state) if self.state else None,
            number=int(number) if is_number else None,
            words=() if is_number else View(text=self.text).words,
        )

    def address(self, cursor: str | None = None) -> str:
        """Write the address of this list, or of its continuation."""
        parts = {"q": self.text, "cycle": self.cycle, "store": self.store, "state": self.state, "cursor": cursor}
        given = urlencode({name: value for name, value in parts.items() if value})
        return f"/orders?{given}" if given else "/orders"


@blueprint.get("/orders")
@private
def index() -> Response:
    """List the newest orders; a buyer's own stores', all of them for staff."""
    actor, looking, cursor = signed_in().actor, Looking.read(request.args), request.args.get("cursor")
    lists = container().order_lists
    page = render_template(
        "pages/orders.html",
        orders=lists.page(actor, looking.search(), limit=ORDERS_PER_PAGE, cursor=cursor),
        looking=looking,
        days=lists.market_days(actor, limit=MARKET_DAYS_LISTED),
        stores=() if actor.is_staff else container().queries.stores(actor),
        states=[state.value for state in OrderState],
        is_first=cursor is None,
        here="orders",
    )
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
    done = request.args.get("done")
    return _page(order_id, done=done if done in DONE else None)


@blueprint.post("/orders/<uuid:order_id>/cancel")
@private
def cancel(order_id: UUID) -> Response:
    """Cancel an order; 303 back to it, or the order as it is now with what stands in the way."""
    person = signed_in()
    once = request_key(person.actor, required=False)
    reason = field_text(request.form, "reason", MAX_REASON_CHARACTERS)
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
    text = field_text(request.form, "text", MAX_BODY_CHARACTERS)
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
        mail_texts=mail_texts() if actor.is_staff else None,
        typed_comment=shown.comment,
        typed_reason=shown.reason,
        wrong=shown.wrong,
        is_cancelling=refusal is not None and refusal.of_cancelling,
        rendered_at_ms=rendered_at_ms,
        here="orders",
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")

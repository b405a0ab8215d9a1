"""What happened to one offer: every change of price and stock, who, when, what it was, and why."""

import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, render_template, request

from orders.application.queries import Change, TimelineEntry
from orders.entrypoints.identity import container
from orders.entrypoints.pages.formats import money
from orders.entrypoints.pages.reader import formats, private, signed_in
from orders.entrypoints.pages.reader import gettext as _

ENTRIES_PER_PAGE = 100
_ORDER = re.compile(r"order (\d{1,18}) (placed|amended|cancelled)")
_COPIED = re.compile(r"copied from (.+)", re.DOTALL)

blueprint = Blueprint("offer_trail", __name__)


@blueprint.get("/staff/offers/<uuid:offer_id>")
@private
def show(offer_id: UUID) -> Response:
    """Show an offer's trail, newest first."""
    actor, queries, cursor = signed_in().actor, container().planning_queries, request.args.get("cursor")
    trail = queries.trail(actor, str(offer_id), limit=ENTRIES_PER_PAGE, cursor=cursor)
    offer = queries.offer_or_none(actor, str(offer_id))
    body = render_template(
        "pages/offer_trail.html",
        offer=offer,
        day=queries.day(actor, offer.cycle_id) if offer else None,
        named=queries.named(actor, str(offer_id)),
        trail=trail,
        offer_id=str(offer_id),
        is_first=cursor is None,
        said=_said,
        reason=_reason,
        title=_title,
        here="cycles",
    )
    return Response(body, mimetype="text/html")


def _title(entry: TimelineEntry) -> str:
    known = {
        "added": _("Added"),
        "changed": _("Changed"),
        "accepted": _("Suggested price taken"),
        "closed": _("Closed by hand"),
        "removed": _("Removed"),
        "stock": _("Stock moved"),
    }
    return known.get(entry.action, _("Changed"))


def _said(change: Change) -> str:
    """Put one changed value into words."""
    label = _labels().get(change.field)
    if label is None:
        return ""
    old, new = _value(change.field, change.old), _value(change.field, change.new)
    return _("%(what)s: %(old)s → %(new)s") % {"what": label, "old": old, "new": new}


def _labels() -> Mapping[str, str]:
    return {
        "unit_price_cents": _("Price"),
        "available": _("Available"),
        "remaining": _("Left"),
        "max_per_store": _("At most per store"),
        "case_size": _("Case size"),
        "cutoff_at": _("Own cutoff"),
    }


def _value(field: str, value: int | str | None) -> str:
    if value is None:
        return _("not limited") if field in ("available", "remaining") else _("none")
    if field == "unit_price_cents":
        return money(int(value))
    if field == "cutoff_at":
        return formats().moment(datetime.fromisoformat(str(value)))
    return formats().number(int(value))


def _reason(entry: TimelineEntry) -> str:
    """Put why into words; what staff wrote stands as they wrote it."""
    order = _ORDER.fullmatch(entry.reason)
    if order:
        sentences = {
            "placed": _("Order %(number)s was placed"),
            "amended": _("Order %(number)s was changed"),
            "cancelled": _("Order %(number)s was cancelled"),
        }
        return sentences[order[2]] % {"number": order[1]}
    copied = _COPIED.fullmatch(entry.reason)
    if copied and entry.action == "added":
        return _("Copied from %(name)s") % {"name": copied[1]}
    if entry.reason == "with the market day's cutoff":
        return _("The cutoff of the market day moved")
    return entry.reason

"""What is said when an order is refused: which lines, what is left, what to do. Short, and without blame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from orders.application.shop import ShopOffer
from orders.domain import errors
from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS, MAX_QUANTITY
from orders.entrypoints.pages.formats import money
from orders.entrypoints.pages.order_form import TypedOrder
from orders.entrypoints.pages.order_meeting import Met
from orders.entrypoints.pages.reader import formats, locale, ngettext
from orders.entrypoints.pages.reader import gettext as _

OK, FORBIDDEN, CONFLICT, PRECONDITION_FAILED, UNPROCESSABLE = 200, 403, 409, 412, 422


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sentence for the top, one for each line it concerns, and the HTTP status that goes with it."""

    status: int
    title: str
    text: str = ""
    lines: Mapping[str, str] | None = None
    limits: Mapping[str, str] | None = None
    link: tuple[str, str] | None = None
    closed: bool = False
    kind: str = "refusal"
    of_cancelling: bool = False

    def of(self, offer_id: str) -> str | None:
        """Return what is to be said at one line."""
        return (self.lines or {}).get(offer_id)


def explain(refused: errors.Refused, typed: TypedOrder, offers: Mapping[str, ShopOffer]) -> Refusal | None:
    """Put a refusal into words; None for one that the form can't mend."""
    match refused:
        case errors.SoldOut(shortages=shortages):
            return _sold_out(shortages)
        case errors.PriceChanged(prices=prices):
            return _price_changed(prices, typed)
        case errors.Invalid(errors=problems):
            return _invalid(problems, typed, offers)
        case errors.OffersClosed(offers=closed_ones):
            return _offers_closed(closed_ones, typed, offers)
        case _:
            return _explain_state(refused)


def _explain_state(refused: errors.Refused) -> Refusal | None:
    """Put into words what is not about lines: the order or the day is not in the state the form was drawn in."""
    match refused:
        case errors.VersionConflict() | errors.OrderNotEditable():
            return _changed_meanwhile()
        case errors.OrderExists(order_id=order_id):
            return _exists(order_id)
        case errors.CycleCancelled():
            return _cancelled()
        case errors.CycleClosed():
            return closed()
        case errors.KeyReused() | errors.KeyInFlight():
            return _sent_before(refused)
        case _:
            return None


def closed() -> Refusal:
    """Say that it was too late; what was typed stays to be read."""
    return Refusal(
        CONFLICT,
        _("Ordering is closed."),
        _("The cutoff passed before this was sent, so nothing was changed. What you typed is still below."),
        closed=True,
    )


def _cancelled() -> Refusal:
    return Refusal(
        CONFLICT,
        _("This market day was cancelled."),
        _("It will not take place, so nothing was changed. What you typed is still below."),
        closed=True,
    )


def _offers_closed(
    closed_ones: tuple[errors.OfferCutoff, ...], typed: TypedOrder, offers: Mapping[str, ShopOffer]
) -> Refusal:
    """Say which lines can't be changed any more, and what stands in each."""
    lines = {
        one.offer_id: _stays(one.cutoff_at, typed, one.offer_id, offers[one.offer_id].ordered)
        for one in closed_ones
        if one.offer_id in offers
    }
    return _closed_earlier(CONFLICT, len(closed_ones), lines, "refusal")


def closed_meanwhile(refusal: Refusal | None, fixed: Sequence[ShopOffer], typed: TypedOrder) -> Refusal | None:
    """Say likewise, beside what else is to be said, which boxes hold what is on order instead of what was typed."""
    lines = {one.id: _stays(one.cutoff_at, typed, one.id, one.ordered) for one in fixed if one.cutoff_at}
    if not lines:
        return refusal
    if refusal is None:
        return _closed_earlier(OK, len(lines), lines, "warning")
    return replace(refusal, lines={**(refusal.lines or {}), **lines})


def _closed_earlier(status: int, number: int, lines: Mapping[str, str], kind: str) -> Refusal:
    return Refusal(
        status,
        ngettext("One product has closed already.", "%(num)s products have closed already.", number) % {"num": number},
        _("They are being bought earlier, so their lines stay as they are. Nothing was changed yet: send it again."),
        lines=lines,
        kind=kind,
    )


def _stays(cutoff_at: datetime, typed: TypedOrder, offer_id: str, ordered: int) -> str:
    sentence = (
        _("Closed since %(moment)s. You wrote %(typed)s; your order keeps its %(num)s.")
        if ordered
        else _("Closed since %(moment)s. You wrote %(typed)s; none can be ordered any more.")
    )
    written = typed.quantities.get(offer_id, "").strip() or "0"
    return sentence % {"moment": formats().moment(cutoff_at), "typed": written, "num": ordered}


def meanwhile(refusal: Refusal | None, met: Met, offers: Mapping[str, ShopOffer]) -> Refusal | None:
    """Say, beside what else is to be said, what somebody else saved since the form was drawn."""
    if not met.is_news:
        return refusal
    if refusal is None:
        refusal = replace(_changed_meanwhile(), status=OK, kind="warning")
    names = {one.id: one.name_es if locale() == "es" else one.name for one in offers.values()}
    there = [
        f"{names[id_]} {offers[id_].ordered}" for id_ in met.quantities.taken if id_ in names and offers[id_].ordered
    ]
    gone = [names[id_] for id_ in met.quantities.taken if id_ in names and not offers[id_].ordered]
    said = [
        refusal.text,
        _("Saved meanwhile, and in the form now: %(lines)s.") % {"lines": ", ".join(there)} if there else "",
        _("Taken out meanwhile: %(names)s.") % {"names": ", ".join(gone)} if gone else "",
        _("The note that was saved meanwhile: “%(note)s”.") % {"note": met.note} if met.note is not None else "",
    ]
    return replace(
        refusal,
        text=" ".join(filter(None, said)),
        lines={**_both(met.quantities.both), **(refusal.lines or {})},
        limits={**_both(met.limits.both), **_taken_limits(met.limits.taken), **(refusal.limits or {})},
    )


def _both(saved: Mapping[str, str]) -> dict[str, str]:
    nothing = _("Saved meanwhile: nothing. Save again to keep yours.")
    words = _("Saved meanwhile: %(saved)s. Save again to keep yours.")
    return {id_: words % {"saved": text} if text else nothing for id_, text in saved.items()}


def _taken_limits(saved: Mapping[str, str]) -> dict[str, str]:
    nothing, words = _("Taken out meanwhile."), _("Saved meanwhile, and in the form now: %(lines)s.")
    return {id_: words % {"lines": text} if text else nothing for id_, text in saved.items()}


def signed_in_again() -> Refusal:
    """Say where things stand after a session had ended in the middle of typing."""
    return Refusal(
        OK,
        _("You are signed in again."),
        _("What you typed is below. Nothing was ordered yet: look it over and send it."),
        kind="warning",
    )


def forged() -> Refusal:
    """Say that a form came from an older sign-in; it only has to be sent again."""
    return Refusal(
        FORBIDDEN,
        _("Please send it once more."),
        _("This page was opened before you last signed in. Nothing was changed, and what you typed is below."),
    )


def nonsense(typed: TypedOrder) -> Refusal:
    """Say which quantities are no numbers, and which price limits no amounts."""
    quantities, limits = typed.nonsense(), typed.unreadable_limits()
    return Refusal(
        UNPROCESSABLE,
        _("Some quantities need a look.") if quantities else _("Some price limits need a look."),
        lines=dict.fromkeys(quantities, _("Write a whole number from 0 to %(most)s.") % {"most": f"{MAX_QUANTITY:,}"}),
        limits=dict.fromkeys(limits, _("Write a price such as 12.50, or leave it empty.")),
    )


def not_offered_any_more() -> Refusal:
    """Say that something chosen has gone from the offers since."""
    return Refusal(OK, _("A product you chose is not offered any more; it was taken out."), kind="warning")


def _sold_out(shortages: tuple[errors.Shortage, ...]) -> Refusal:
    return Refusal(
        CONFLICT,
        ngettext("One product ran short.", "%(num)s products ran short.", len(shortages)) % {"num": len(shortages)},
        _("Nothing was ordered yet. Change the marked lines and send it again."),
        lines={shortage.offer_id: _what_is_left(shortage) for shortage in shortages},
    )


def _what_is_left(shortage: errors.Shortage) -> str:
    if shortage.remaining <= 0:
        return _("None left. We kept your %(asked)s in the box: set it to 0 to go on without.") % {
            "asked": shortage.requested
        }
    return ngettext(
        "Only %(left)s left. We kept your %(asked)s in the box: choose 1 or none.",
        "Only %(left)s left. We kept your %(asked)s in the box: choose %(left)s or fewer.",
        shortage.remaining,
    ) % {"left": shortage.remaining, "asked": shortage.requested}


def _price_changed(prices: tuple[errors.PriceNow, ...], typed: TypedOrder) -> Refusal:
    def sentence(now: errors.PriceNow) -> str:
        before = typed.prices.get(now.offer_id)
        if before is None:
            return _("The price is %(now)s.") % {"now": money(now.unit_price_cents)}
        return _("The price is now %(now)s; it was %(before)s.") % {
            "now": money(now.unit_price_cents),
            "before": money(before),
        }

    return Refusal(
        CONFLICT,
        ngettext("One price changed.", "%(num)s prices changed.", len(prices)) % {"num": len(prices)},
        _("Nothing was ordered yet. If the new price is fine with you, send it again."),
        lines={now.offer_id: sentence(now) for now in prices},
    )


def _invalid(problems: tuple[errors.FieldError, ...], typed: TypedOrder, offers: Mapping[str, ShopOffer]) -> Refusal:
    if any(problem.field == "note" for problem in problems):
        return Refusal(
            UNPROCESSABLE, _("The note is too long: %(most)s characters fit.") % {"most": f"{MAX_NOTE_CHARACTERS:,}"}
        )
    wished = typed.lines()
    if not wished:
        return Refusal(
            UNPROCESSABLE,
            _("Choose at least one product."),
            _("Nothing was changed. To give up the whole order, cancel it on its own page."),
        )
    if len(wished) > MAX_LINES:
        return Refusal(UNPROCESSABLE, _("An order holds %(most)s products at most.") % {"most": MAX_LINES})
    lines: dict[str, str] = {}
    for line in wished:
        offer = offers.get(line.offer_id)
        if offer is not None and offer.max_per_store is not None and line.quantity > offer.max_per_store:
            lines[offer.id] = _("At most %(most)s for each store.") % {"most": offer.max_per_store}
    gone = any(line.offer_id not in offers for line in wished)
    text = _("A product you chose is not offered any more; it was taken out.") if gone else ""
    return Refusal(UNPROCESSABLE, _("Some lines need a look."), text, lines=lines)


def _changed_meanwhile() -> Refusal:
    return Refusal(
        PRECONDITION_FAILED,
        _("The order was changed somewhere else in the meantime."),
        _("Nothing of yours was saved yet, and what you typed is below. Look it over and save it again."),
    )


def _exists(order_id: str | None) -> Refusal:
    return Refusal(
        CONFLICT,
        _("Your store already has an order for this day."),
        _("What you typed is below. Saving it now changes that order."),
        link=(f"/orders/{order_id}", _("See the order as it is")) if order_id else None,
    )


def _sent_before(refused: errors.Refused) -> Refusal:
    if isinstance(refused, errors.KeyInFlight):
        return Refusal(
            CONFLICT,
            _("This order is being saved right now."),
            _("Wait a moment, then look under your orders before you send it again."),
            link=("/orders", _("See my orders")),
        )
    return Refusal(
        UNPROCESSABLE,
        _("This form was already sent once."),
        _("The first sending counted. Look at your order; to change it further, send this form again."),
        link=("/orders", _("See my orders")),
    )


def changed_before_cancelling() -> Refusal:
    """Say that the order is not the one that was looked at."""
    return Refusal(
        PRECONDITION_FAILED,
        _("The order was changed somewhere else in the meantime."),
        _("It was not cancelled. Look it over as it is now, then decide."),
        of_cancelling=True,
    )


def too_late_to_cancel() -> Refusal:
    """Say that the order is being bought and packed by now."""
    return Refusal(
        CONFLICT,
        _("This order can no longer be cancelled here."),
        _("The cutoff has passed. Call us, and we see what can be done."),
        of_cancelling=True,
    )

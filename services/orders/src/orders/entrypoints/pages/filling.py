"""An older order put into the form again: as much of it as can be had now, and in words what can't."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orders.application.shop import ShopOffer, Wish
from orders.domain.order import MAX_LINES, MAX_QUANTITY
from orders.entrypoints.pages.reader import gettext as _

LAST = "last"


@dataclass(frozen=True, slots=True)
class Filling:
    """Quantities by offer, and a sentence for each product that is not filled in as it was ordered."""

    quantities: Mapping[str, int]
    shortfalls: tuple[str, ...]


def fill(wishes: Iterable[Wish], offers: Mapping[str, ShopOffer], locale: str) -> Filling:
    """Take over what is offered now, capped to what is left and to what a store may have."""
    quantities: dict[str, int] = {}
    shortfalls: list[str] = []
    for wish in list(wishes)[:MAX_LINES]:
        name = wish.name_es if locale == "es" else wish.name
        quantity, reason = _possible(wish, offers.get(wish.offer_id or ""))
        if quantity:
            quantities[wish.offer_id or ""] = quantity
        if reason:
            shortfalls.append(reason % {"name": name, "wanted": wish.quantity, "given": quantity})
    return Filling(quantities, tuple(shortfalls))


def _possible(wish: Wish, offer: ShopOffer | None) -> tuple[int, str]:
    """Return how much can be had, and why not all; an empty reason means all."""
    if offer is None:
        return 0, _("%(name)s is not offered this time.")
    if offer.is_closed:
        return 0, _("%(name)s can not be ordered any more for this day.")
    left = MAX_QUANTITY if offer.remaining is None else offer.remaining + offer.ordered
    most = MAX_QUANTITY if offer.max_per_store is None else offer.max_per_store
    given = min(wish.quantity, left, most)
    if given == wish.quantity:
        return given, ""
    if given == 0:
        return 0, _("%(name)s is sold out.")
    if given == most:
        return given, _("%(name)s: %(given)s instead of %(wanted)s, the most for each store.")
    return given, _("%(name)s: %(given)s instead of %(wanted)s, that is all that is left.")

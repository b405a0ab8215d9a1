"""The order form as it was typed, whatever was typed: it can always be shown again, and mostly be understood."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from werkzeug.datastructures import MultiDict

from orders.application.shop import ShopOffer
from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS, MAX_QUANTITY, LineRequest, OnShortage
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.typed_money import cents_of, dollars_of

QUANTITY_PREFIX = "quantity-"
PRICE_PREFIX = "price-"
CENTS = 100
LIMIT_PREFIX = "max-"
WAS_PREFIX = "was-"
MAX_TYPED_CHARACTERS = 20
MAX_PRICE_DIGITS = 9
# More than an order may have, so that one who chose too much can take out instead of finding some gone.
MAX_TYPED_LINES = 3 * MAX_LINES
# More than the note may have, so that one who wrote too much can shorten it instead of finding it cut off.
MAX_NOTE_KEPT = 4 * MAX_NOTE_CHARACTERS


@dataclass(frozen=True, slots=True)
class TypedOrder:
    """Quantities and price limits as text by offer, and the prices that were on the page when they were typed.

    `was` is what the order held when the form was drawn; None: there was no order, or, where `is_silent`, it was drawn
    by a release whose forms did not say.
    """

    quantities: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    on_shortage: OnShortage = OnShortage.REJECT
    by_phone: bool = False
    was: "TypedOrder | None" = None
    is_silent: bool = False

    def nonsense(self) -> list[str]:
        """Return the offers whose quantity is no whole number from 0 to what anybody could want."""
        return [offer_id for offer_id, text in self.quantities.items() if whole_number(text) is None]

    def unreadable_limits(self) -> list[str]:
        """Return the chosen offers whose price limit is no amount of dollars."""
        return [
            id_ for id_, text in self.limits.items() if self.wished(id_) and text.strip() and cents_of(text) is None
        ]

    def lines(self) -> tuple[LineRequest, ...]:
        """Return what is wished for; empty and zero mean nothing."""
        wished = ((offer_id, whole_number(text)) for offer_id, text in self.quantities.items())
        return tuple(
            LineRequest(
                offer_id,
                number,
                self.prices.get(offer_id),
                cents_of(self.limits.get(offer_id, "")),
                keeps_limit=False,  # the form shows the limit of everything chosen: what is empty was emptied
            )
            for offer_id, number in wished
            if number
        )

    def wished(self, offer_id: str) -> int:
        return whole_number(self.quantities.get(offer_id, "")) or 0

    def has_just(self, offer_id: str, quantity: int) -> bool:
        """Tell whether the box says just so many."""
        return is_same_quantity(self.quantities.get(offer_id, ""), str(quantity))

    def without(self, offer_id: str) -> "TypedOrder":
        """Return the same with one product taken out."""
        left = {id_: text for id_, text in self.quantities.items() if id_ != offer_id}
        return replace(self, quantities=left)

    def filled_with(self, quantities: Mapping[str, int]) -> "TypedOrder":
        """Return the same with quantities for products of which nothing was chosen yet."""
        chosen = {id_: text for id_, text in self.quantities.items() if whole_number(text) != 0}
        return replace(self, quantities={**{id_: str(number) for id_, number in quantities.items()}, **chosen})

    def holding(self, offers: Iterable[ShopOffer]) -> "TypedOrder":
        """Return the same with just what is on order of these."""
        there = {offer.id: str(offer.ordered) if offer.ordered else "" for offer in offers}
        return replace(self, quantities={id_: text for id_, text in {**self.quantities, **there}.items() if text})


def whole_number(text: str) -> int | None:
    """Read a quantity; empty is 0, and None is what can't be one."""
    digits = text.strip()
    if not digits:
        return 0
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MAX_TYPED_CHARACTERS:
        return None
    number = int(digits)
    return number if number <= MAX_QUANTITY else None


def is_same_quantity(one: str, other: str) -> bool:
    """Tell whether two texts wish for the same; what is no number is like itself alone."""
    numbers = whole_number(one), whole_number(other)
    return one.strip() == other.strip() if None in numbers else numbers[0] == numbers[1]


def is_same_limit(one: str, other: str) -> bool:
    """Tell whether two texts mean the same price limit; what is no amount is like itself alone."""
    return one.strip() == other.strip() or (cents_of(one) is not None and cents_of(one) == cents_of(other))


def read_form(form: MultiDict[str, str]) -> TypedOrder:
    """Take over the posted form; what is not a field of ours is ignored."""
    quantities = {id_: text for id_, text in _typed(form, QUANTITY_PREFIX) if text.strip()}
    prices = {
        id_: int(text)
        for id_, text in _typed(form, PRICE_PREFIX)
        if text.isascii() and text.isdigit() and len(text) <= MAX_PRICE_DIGITS
    }
    was = _was(form)
    return TypedOrder(
        quantities=dict(islice(quantities.items(), MAX_TYPED_LINES)),
        prices=prices,
        limits={id_: text for id_, text in _typed(form, LIMIT_PREFIX) if text.strip()},
        note=field_text(form, "note", MAX_NOTE_KEPT),
        on_shortage=OnShortage.PARTIAL if form.get("on_shortage") == OnShortage.PARTIAL.value else OnShortage.REJECT,
        by_phone=form.get("by_phone") == "yes",
        was=was,
        is_silent=was is None and "version" in form,
    )


def _was(form: MultiDict[str, str]) -> TypedOrder | None:
    """Read what the form says that the order held when it was drawn."""
    if not any(name.startswith(WAS_PREFIX) for name in form):
        return None
    return TypedOrder(
        quantities=dict(islice(_typed(form, WAS_PREFIX + QUANTITY_PREFIX), MAX_LINES)),
        limits=dict(islice(_typed(form, WAS_PREFIX + LIMIT_PREFIX), MAX_LINES)),
        note=field_text(form, WAS_PREFIX + "note", MAX_NOTE_KEPT),
    )


def _typed(form: Mapping[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the offer and the text of each field of a kind."""
    for name, value in form.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), value[:MAX_TYPED_CHARACTERS]


def as_ordered(offers: Iterable[ShopOffer], note: str) -> TypedOrder:
    """Fill the form with what the store has ordered so far."""
    mine = [offer for offer in offers if offer.ordered]
    limits = {offer.id: offer.max_unit_price_cents for offer in mine}
    return TypedOrder(
        quantities={offer.id: str(offer.ordered) for offer in mine},
        limits={id_: dollars_of(cents) for id_, cents in limits.items() if cents is not None},
        note=note,
    )

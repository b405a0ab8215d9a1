"""The order form as it was typed, whatever was typed: it can always be shown again, and mostly be understood."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from orders.domain.order import MAX_NOTE_CHARACTERS, MAX_QUANTITY, LineRequest, OnShortage

QUANTITY_PREFIX = "quantity-"
PRICE_PREFIX = "price-"
MAX_TYPED_CHARACTERS = 20
MAX_PRICE_DIGITS = 9
# More than the note may have, so that one who wrote too much can shorten it instead of finding it cut off.
MAX_NOTE_KEPT = 4 * MAX_NOTE_CHARACTERS


@dataclass(frozen=True, slots=True)
class TypedOrder:
    """Quantities as text by offer, and the prices that were on the page when they were typed."""

    quantities: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    on_shortage: OnShortage = OnShortage.REJECT
    by_phone: bool = False

    def nonsense(self) -> list[str]:
        """Return the offers whose quantity is no whole number from 0 to what anybody could want."""
        return [offer_id for offer_id, text in self.quantities.items() if whole_number(text) is None]

    def lines(self) -> tuple[LineRequest, ...]:
        """Return what is wished for; empty and zero mean nothing."""
        wished = ((offer_id, whole_number(text)) for offer_id, text in self.quantities.items())
        return tuple(LineRequest(offer_id, number, self.prices.get(offer_id)) for offer_id, number in wished if number)

    def wished(self, offer_id: str) -> int:
        return whole_number(self.quantities.get(offer_id, "")) or 0


def whole_number(text: str) -> int | None:
    """Read a quantity; empty is 0, and None is what can't be one."""
    digits = text.strip()
    if not digits:
        return 0
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MAX_TYPED_CHARACTERS:
        return None
    number = int(digits)
    return number if number <= MAX_QUANTITY else None


def read_form(form: MultiDict[str, str]) -> TypedOrder:
    """Take over the posted form; what is not a field of ours is ignored."""
    quantities = {
        name.removeprefix(QUANTITY_PREFIX): value[:MAX_TYPED_CHARACTERS]
        for name, value in form.items()
        if name.startswith(QUANTITY_PREFIX)
    }
    prices = {
        name.removeprefix(PRICE_PREFIX): int(value)
        for name, value in form.items()
        if name.startswith(PRICE_PREFIX) and value.isascii() and value.isdigit() and len(value) <= MAX_PRICE_DIGITS
    }
    return TypedOrder(
        quantities=quantities,
        prices=prices,
        note=clean(form.get("note", ""))[:MAX_NOTE_KEPT],
        on_shortage=OnShortage.PARTIAL if form.get("on_shortage") == OnShortage.PARTIAL.value else OnShortage.REJECT,
        by_phone=form.get("by_phone") == "yes",
    )


def clean(text: str) -> str:
    """Return typed text with line ends as one character and without control characters.

    Browsers send line ends as CRLF; kept that way, a note would change by being looked at. Pasted text may carry
    control characters; nobody sees them, and the database takes no NUL.
    """
    return "".join(one for one in text.replace("\r\n", "\n") if one >= " " or one in "\t\r\n")


def as_ordered(ordered: Iterable[tuple[str, int]], note: str) -> TypedOrder:
    """Fill the form with what the store has ordered so far."""
    return TypedOrder(quantities={offer_id: str(quantity) for offer_id, quantity in ordered if quantity}, note=note)

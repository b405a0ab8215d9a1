"""An order: what a store takes of a cycle's offers, decided while those offers are locked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from orders.domain.errors import (
    FieldError,
    Invalid,
    OrderNotEditable,
    PriceChanged,
    PriceNow,
    Shortage,
    SoldOut,
    VersionConflict,
)

MAX_LINES = 200
MAX_QUANTITY = 10_000
MAX_NOTE_CHARACTERS = 1_000
MAX_TOTAL_CENTS = 1_000_000_000


class OrderState(StrEnum):
    PLACED = "placed"
    CANCELLED = "cancelled"
    PACKED = "packed"
    DELIVERED = "delivered"


class OnShortage(StrEnum):
    REJECT = "reject"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class LineRequest:
    """One wish. `expected_unit_price_cents` guards against a price that changed; above `max_…` the line is dropped."""

    offer_id: str
    quantity: int
    expected_unit_price_cents: int | None = None
    max_unit_price_cents: int | None = None


@dataclass(frozen=True, slots=True)
class LockedOffer:
    """An offer as it stands under its row lock; `remaining` None means not limited."""

    id: str
    cycle_id: str
    version: int
    name: str
    name_es: str
    pack: str
    unit_price_cents: int
    available: int | None
    remaining: int | None
    max_per_store: int | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """What was agreed. `shorted` is how much less than asked for; a line can be all shorted (quantity 0)."""

    offer_id: str
    name: str
    name_es: str
    pack: str
    quantity: int
    unit_price_cents: int
    shorted: int

    @property
    def total_cents(self) -> int:
        return self.quantity * self.unit_price_cents


@dataclass(frozen=True, slots=True)
class Order:
    id: str
    number: int
    store_id: str
    store_name: str
    cycle_id: str
    state: OrderState
    version: int
    lines: tuple[OrderLine, ...]
    note: str
    placed_at: datetime
    updated_at: datetime

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    def quantities(self) -> dict[str, int]:
        """Return what the order holds of each offer's stock; nothing once it is cancelled."""
        if self.state is OrderState.CANCELLED:
            return {}
        return {line.offer_id: line.quantity for line in self.lines if line.quantity}

    def require_editable(self) -> None:
        if self.state is not OrderState.PLACED:
            raise OrderNotEditable(f"the order is {self.state.value}")

    def require_version(self, expected: int | None) -> None:
        if expected is not None and expected != self.version:
            raise VersionConflict(self.version)


def is_id(text: str) -> bool:
    """Tell whether a text is an id as this service writes them: a UUID in its usual form."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def check_requests(lines: Sequence[LineRequest], note: str | None) -> None:
    """Refuse what no stock could satisfy, before any row is locked."""
    errors: list[FieldError] = []
    if not lines:
        errors.append(FieldError("lines", "at least one line"))
    if len(lines) > MAX_LINES:
        errors.append(FieldError("lines", f"at most {MAX_LINES} lines"))
    if note is not None and len(note) > MAX_NOTE_CHARACTERS:
        errors.append(FieldError("note", f"at most {MAX_NOTE_CHARACTERS} characters"))
    seen: set[str] = set()
    for index, line in enumerate(lines[: MAX_LINES + 1]):
        if not is_id(line.offer_id):
            errors.append(FieldError(f"lines.{index}.offer_id", "not an id"))
        if line.offer_id in seen:
            errors.append(FieldError(f"lines.{index}.offer_id", "an offer may appear once"))
        if not 1 <= line.quantity <= MAX_QUANTITY:
            errors.append(FieldError(f"lines.{index}.quantity", f"from 1 to {MAX_QUANTITY}"))
        seen.add(line.offer_id)
    if errors:
        raise Invalid(*errors)


def agree_lines(
    requests: Sequence[LineRequest],
    offers: Mapping[str, LockedOffer],
    *,
    held: Mapping[str, int],
    on_shortage: OnShortage,
) -> tuple[OrderLine, ...]:
    """Decide every line against locked offers; `held` is what the order being amended already has of each.

    Raises:
        Invalid: an offer that is not of this cycle, or more than a store may have.
        PriceChanged: some price is not the expected one, or every line is above its limit.
        SoldOut: too little left (with PARTIAL: nothing at all left to give).

    """
    _require_offered(requests, offers)
    _require_expected_prices(requests, offers)
    lines: list[OrderLine] = []
    shortages: list[Shortage] = []
    for request in requests:
        offer = offers[request.offer_id]
        left = None if offer.remaining is None else offer.remaining + held.get(offer.id, 0)
        too_dear = request.max_unit_price_cents is not None and offer.unit_price_cents > request.max_unit_price_cents
        given = 0 if too_dear else request.quantity if left is None else min(request.quantity, left)
        if given < request.quantity and not too_dear:
            shortages.append(Shortage(offer.id, request.quantity, left or 0))
        lines.append(_line(offer, given, request.quantity - given))
    if shortages and (on_shortage is OnShortage.REJECT or not any(line.quantity for line in lines)):
        raise SoldOut(tuple(shortages))
    if not any(line.quantity for line in lines):
        raise PriceChanged(tuple(PriceNow(line.offer_id, line.unit_price_cents) for line in lines))
    if sum(line.total_cents for line in lines) > MAX_TOTAL_CENTS:
        raise Invalid(FieldError("lines", f"an order may be worth {MAX_TOTAL_CENTS // 100} dollars at most"))
    return tuple(lines)


def _line(offer: LockedOffer, quantity: int, shorted: int) -> OrderLine:
    return OrderLine(
        offer_id=offer.id,
        name=offer.name,
        name_es=offer.name_es,
        pack=offer.pack,
        quantity=quantity,
        unit_price_cents=offer.unit_price_cents,
        shorted=shorted,
    )


def _require_offered(requests: Iterable[LineRequest], offers: Mapping[str, LockedOffer]) -> None:
    errors = []
    for index, request in enumerate(requests):
        offer = offers.get(request.offer_id)
        if offer is None:
            errors.append(FieldError(f"lines.{index}.offer_id", "not an offer of this market day"))
        elif offer.max_per_store is not None and request.quantity > offer.max_per_store:
            errors.append(FieldError(f"lines.{index}.quantity", f"at most {offer.max_per_store} per store"))
    if errors:
        raise Invalid(*errors)


def _require_expected_prices(requests: Iterable[LineRequest], offers: Mapping[str, LockedOffer]) -> None:
    changed = tuple(
        PriceNow(request.offer_id, offers[request.offer_id].unit_price_cents)
        for request in requests
        if request.expected_unit_price_cents not in (None, offers[request.offer_id].unit_price_cents)
    )
    if changed:
        raise PriceChanged(changed)


def stock_deltas(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what to take from (positive) or give back to (negative) each offer, ids in order."""
    deltas = {offer_id: after.get(offer_id, 0) - before.get(offer_id, 0) for offer_id in {*before, *after}}
    return {offer_id: deltas[offer_id] for offer_id in sorted(deltas) if deltas[offer_id]}

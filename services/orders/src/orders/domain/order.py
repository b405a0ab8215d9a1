"""An order: what a store takes of a cycle's offers, and what it asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from orders.domain.errors import FieldError, Invalid, OrderNotEditable, VersionConflict

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
    """One wish. `expected_unit_price_cents` guards against a price that changed; above `max_…` the line is dropped.

    A wish without a limit keeps the one its line has, unless `keeps_limit` is false: then the line has none any more.
    """

    offer_id: str
    quantity: int
    expected_unit_price_cents: int | None = None
    max_unit_price_cents: int | None = None
    keeps_limit: bool = True

    def limit(self, placed: "OrderLine | None") -> int | None:
        """Return the limit that the line has from now on."""
        if self.max_unit_price_cents is not None or placed is None or not self.keeps_limit:
            return self.max_unit_price_cents
        return placed.max_unit_price_cents


@dataclass(frozen=True, slots=True)
class LockedOffer:
    """An offer as it stands under its row lock; `remaining` None means not limited.

    `cutoff_at` None: with the market day. `counted` is what live lines hold of an offer without limit, where somebody
    needed to know.
    """

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
    case_size: int | None = None
    cutoff_at: datetime | None = None
    counted: int | None = None

    @property
    def ordered(self) -> int | None:
        """Return what all stores together ordered; None: not counted."""
        if self.available is None or self.remaining is None:
            return self.counted
        return self.available - self.remaining


@dataclass(frozen=True, slots=True)
class OrderLine:
    """What was agreed. `shorted` is how much less than asked for; a line can be all shorted (quantity 0).

    A price that moves above `max_unit_price_cents` drops the line.
    """

    offer_id: str
    name: str
    name_es: str
    pack: str
    quantity: int
    unit_price_cents: int
    shorted: int
    max_unit_price_cents: int | None = None

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


def stock_deltas(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what to take from (positive) or give back to (negative) each offer, ids in order."""
    deltas = {offer_id: after.get(offer_id, 0) - before.get(offer_id, 0) for offer_id in {*before, *after}}
    return {offer_id: deltas[offer_id] for offer_id in sorted(deltas) if deltas[offer_id]}

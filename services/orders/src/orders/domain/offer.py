"""An offer as staff plan it: price, stock and limits, decided while its row is locked."""

from dataclasses import dataclass, replace
from datetime import datetime

from orders.domain.cycle import Cycle, CycleState
from orders.domain.errors import CycleNotEditable
from orders.domain.faults import Fault
from orders.domain.order import MAX_QUANTITY

MAX_UNIT_PRICE_CENTS = 10_000_000
MAX_AVAILABLE = 1_000_000
MIN_CASE_SIZE = 2
MAX_CASE_SIZE = 10_000
MAX_OFFERS_AT_ONCE = 500
MAX_OFFERS_PER_CYCLE = 5_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What staff say of an offer. `available` None: not limited; `cutoff_at` None: with the market day."""

    unit_price_cents: int
    available: int | None = None
    max_per_store: int | None = None
    case_size: int | None = None
    cutoff_at: datetime | None = None


TERM_FIELDS = ("unit_price_cents", "available", "max_per_store", "case_size", "cutoff_at")


@dataclass(frozen=True, slots=True)
class PlannedOffer:
    """An offer under its row lock; `ordered` is the sum of live lines. `is_withdrawn`: closed by hand."""

    id: str
    cycle_id: str
    product_id: str
    version: int
    name: str
    name_es: str
    terms: Terms
    ordered: int
    is_withdrawn: bool = False

    @property
    def remaining(self) -> int | None:
        return None if self.terms.available is None else self.terms.available - self.ordered


def require_planning(cycle: Cycle, now: datetime) -> None:
    """Refuse unless offers may be added, changed and removed: before the opening, and while orders come in."""
    if cycle.state is CycleState.SCHEDULED or (cycle.state is CycleState.OPEN and now < cycle.cutoff_at):
        return
    state = "closing" if cycle.state is CycleState.OPEN else cycle.state.value
    raise CycleNotEditable(f"this market day is {state}: its offers stay as they are")


def term_faults(
    terms: Terms, cycle: Cycle, *, now: datetime, was: Terms | None = None, ordered: int = 0, at: str = ""
) -> list[Fault]:
    """Return what makes no sense of the terms that are new; `at` goes before the names of the fields."""
    faults = [
        _range_fault(at, "unit_price_cents", terms.unit_price_cents, 0, MAX_UNIT_PRICE_CENTS),
        _range_fault(at, "available", terms.available, 0, MAX_AVAILABLE),
        _range_fault(at, "max_per_store", terms.max_per_store, 1, MAX_QUANTITY),
        _range_fault(at, "case_size", terms.case_size, MIN_CASE_SIZE, MAX_CASE_SIZE),
    ]
    if terms.available is not None and terms.available < ordered:
        message = f"{ordered} are ordered already: at least {ordered}"
        faults.append(Fault(f"{at}available", message, "below_ordered", {"ordered": ordered}))
    if terms.cutoff_at is not None and (was is None or was.cutoff_at != terms.cutoff_at):
        earliest = max(cycle.opens_at, now) if cycle.state is CycleState.OPEN else cycle.opens_at
        if not earliest < terms.cutoff_at < cycle.cutoff_at:
            message = "after the opening, in the future, and before the market day's own cutoff"
            faults.append(Fault(f"{at}cutoff_at", message, "own_cutoff"))
    return [fault for fault in faults if fault is not None]


def _range_fault(at: str, name: str, value: int | None, least: int, most: int) -> Fault | None:
    if value is None or least <= value <= most:
        return None
    code = "price_range" if name == "unit_price_cents" else "number_range"
    return Fault(f"{at}{name}", f"from {least:,} to {most:,}", code, {"least": least, "most": most})


def with_terms(offer: PlannedOffer, terms: Terms) -> PlannedOffer:
    """Return the offer one version on; saying anew how much there is takes back that it was closed by hand."""
    reopened = terms.available != offer.terms.available
    return replace(offer, version=offer.version + 1, terms=terms, is_withdrawn=offer.is_withdrawn and not reopened)


def term_changes(was: Terms | None, now: Terms) -> list[dict[str, object]]:
    """List what differs, in the form of the audit trail; a new offer has no old values."""
    changes: list[dict[str, object]] = []
    for name in TERM_FIELDS:
        old, new = getattr(was, name, None), getattr(now, name)
        if old != new:
            changes.append({"field": name, "old": _plain(old), "new": _plain(new)})
    return changes


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value

"""What planning needs of the database: market days and offers as staff change them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from orders.domain.cycle import Cycle
from orders.domain.offer import PlannedOffer, Terms
from orders.domain.people import Actor
from orders.domain.planning import Plan


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggested price and the quote that it comes from."""

    unit_price_cents: int
    market: str
    report_id: str
    quoted_on: date

    @property
    def source(self) -> str:
        return f"USDA {self.market}, {self.report_id}, {self.quoted_on.isoformat()}"


@dataclass(frozen=True, slots=True)
class ProductToOffer:
    """An active product; `last_price_cents` is what it cost in the last market day that offered it."""

    id: str
    name: str
    name_es: str
    case_size: int | None
    suggestion: Suggestion | None
    last_price_cents: int | None

    @property
    def usual_price_cents(self) -> int | None:
        return self.suggestion.unit_price_cents if self.suggestion else self.last_price_cents


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A product that a copy left out, because it is not sold any more."""

    name: str
    name_es: str


@dataclass(frozen=True, slots=True)
class OfferAudit:
    """One line of an offer's trail."""

    offer_id: str
    action: str
    changes: Sequence[Mapping[str, Any]]
    reason: str = ""


class PlannedCycles(Protocol):
    def lock(self, cycle_id: str) -> Cycle | None:
        """Hold the market day alone: orders being placed are waited for, later ones wait.

        The queue is fair, so that a burst of orders can't keep staff waiting.
        """

    def read(self, cycle_id: str) -> Cycle | None: ...

    def add(self, cycle_id: str, plan: Plan, copied_from: str | None) -> Cycle: ...

    def change(self, cycle_id: str, plan: Plan) -> Cycle:
        """Write the plan, one version on."""

    def cancel(self, cycle_id: str, actor: Actor, reason: str) -> Cycle: ...

    def delivery_days(self) -> frozenset[date]:
        """Return the days on which market days that are not cancelled deliver, from today on."""

    def due_to_pack(self) -> Sequence[Cycle]:
        """Lock the closed market days whose packing time has come; those another clock holds are left out."""

    def winding_up(self) -> tuple[Cycle, Actor | None] | None:
        """Return a cancelled market day whose orders may not all be cancelled yet, and who cancelled it.

        Another clock that asks meanwhile gets another one, or None.
        """

    def live_orders(self, cycle_id: str, limit: int) -> Sequence[str]:
        """Return the ids of orders that are placed or packed, lowest number first."""

    def wound_up(self, cycle_id: str) -> None: ...


class PlannedOffers(Protocol):
    def products(self, product_ids: Collection[str]) -> Mapping[str, ProductToOffer]:
        """Return those of the products that are active."""

    def products_of(self, category: str, cycle_id: str) -> Sequence[str]:
        """Return the ids of the active products of a category that the market day does not offer yet."""

    def count(self, cycle_id: str) -> int: ...

    def add(self, cycle_id: str, offers: Sequence[tuple[str, str, Terms]]) -> frozenset[str]:
        """Add (offer id, product id, terms); return the ids added, without products that are offered already."""

    def lock(self, cycle_id: str, offer_ids: Collection[str], *, counting: bool = True) -> Sequence[PlannedOffer]:
        """Lock offers in id order; with `counting` false, `ordered` of offers without a limit is not worked out."""

    def change(self, offers: Sequence[PlannedOffer]) -> None:
        """Write terms, version and remaining stock of locked offers."""

    def was_ordered(self, offer_id: str) -> bool:
        """Tell whether any order, cancelled ones too, has a line of it."""

    def remove(self, offer_id: str) -> None: ...

    def copy(self, from_cycle: str, to_cycle: str) -> Sequence[tuple[str, Terms]]:
        """Copy the offers of active products with what was available at first; return what was made."""

    def left_out(self, from_cycle: str) -> Sequence[LeftOut]:
        """Return the products that are offered there and not active any more."""

    def shut_before(self, cycle_id: str, by: timedelta, opens_at: datetime) -> Sequence[str]:
        """Return the names of what would close before it opens if own cutoffs moved so far and the opening there."""

    def move_cutoffs(
        self, cycle_id: str, by: timedelta, opens_at: datetime
    ) -> Sequence[tuple[str, datetime, datetime]]:
        """Move the offers' own cutoffs, one version on, not before the opening; return (offer id, old, new)."""

    def suggestions(
        self, cycle_id: str, offer_ids: Collection[str] | None, *, after: str | None, limit: int
    ) -> Sequence[tuple[str, Suggestion]]:
        """Return offers that have a suggested price, by id from `after` on."""

    def audit(self, actor: Actor | None, entries: Sequence[OfferAudit]) -> None:
        """Write many lines of the trail at once."""

"""A standing order: what a store orders once and for all, and what became of it each market day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from orders.domain.people import Actor

MAX_FOUND = 20
MAX_RUNS_SHOWN = 10
MAX_SEARCH_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class StandingLine:
    product_id: str
    quantity: int
    max_unit_price_cents: int | None = None


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product as somebody who looks for one sees it."""

    id: str
    name: str
    name_es: str
    category: str
    pack: str


@dataclass(frozen=True, slots=True)
class StandingLineView:
    """`is_sold` false: the product was taken off the list since; it may come back."""

    product: ProductView
    is_sold: bool
    quantity: int
    max_unit_price_cents: int | None

    @property
    def line(self) -> StandingLine:
        return StandingLine(self.product.id, self.quantity, self.max_unit_price_cents)


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """One per store; `active` false: paused. `saved_by` is who the orders made of it are by."""

    id: str
    store_id: str
    active: bool
    note: str
    version: int
    saved_by: str
    updated_at: datetime
    lines: tuple[StandingLineView, ...]


class DropReason(StrEnum):
    """Why a product came less than wished for, or not at all; also the fields of changes in the order's trail."""

    NOT_OFFERED = "not_offered"
    OFFER_CLOSED = "offer_closed"
    PRICE_LIMIT = "price_limit"
    STORE_LIMIT = "store_limit"
    SOLD_OUT = "sold_out"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Drop:
    """What was wished for and what was given; limit and price where they are the reason."""

    product_id: str
    name: str
    name_es: str
    reason: DropReason
    wanted: int
    given: int = 0
    limit_cents: int | None = None
    price_cents: int | None = None


class Outcome(StrEnum):
    """What became of a standing order on a market day; SAVED_LATER: it was saved when that day was open already."""

    PLACED = "placed"
    HAS_ORDER = "has_order"
    NOTHING_LEFT = "nothing_left"
    REFUSED = "refused"
    INACTIVE = "inactive"
    SAVED_LATER = "saved_later"


@dataclass(frozen=True, slots=True)
class RunView:
    cycle_id: str
    cycle_name: str
    delivery_on: date
    outcome: Outcome
    order_id: str | None
    order_number: int | None
    drops: tuple[Drop, ...]
    at: datetime


class StandingOrders(Protocol):
    """Writing, and placing what is due."""

    def lock(self, store_id: str) -> StandingOrder | None: ...

    def add(self, standing_id: str, store_id: str, saved_by: str) -> StandingOrder | None:
        """Begin a standing order without lines, at version 0; None when the store got one this very moment."""

    def replace(self, standing: StandingOrder, lines: Sequence[StandingLine]) -> StandingOrder:
        """Write state, note, saver and lines anew, one version on."""

    def remove(self, standing: StandingOrder) -> None: ...

    def known_products(self, product_ids: Iterable[str]) -> frozenset[str]: ...

    def lines_of(self, order_id: str) -> Sequence[StandingLine]:
        """Return what was asked for in an order."""

    def skip_open_days(self, store_id: str) -> None:
        """Note for each day that is open already that it came too late for it."""

    def due(self, limit: int, *, behind: int = 0) -> Sequence[tuple[str, str]]:
        """Return days (open, before their cutoff) and stores whose standing order was not placed yet, fairest first.

        ``behind`` so many that were looked at already.
        """

    def claim(self, cycle_id: str, store_id: str) -> bool:
        """Make the store's place in the day this transaction's; False when it is taken."""

    def finish(
        self, cycle_id: str, store_id: str, outcome: Outcome, *, order_id: str | None = None, drops: Sequence[Drop] = ()
    ) -> None: ...

    def offers_of(self, cycle_id: str, product_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the day's offers of these products: offer ids by product id."""

    def actor(self, person_id: str, store_id: str) -> Actor:
        """Return a person as somebody who orders for the store."""


class StandingReads(Protocol):
    """Reading. A store that the actor may not see is not found."""

    def of_store(self, actor: Actor, store_id: str) -> StandingOrder | None: ...

    def runs(self, actor: Actor, store_id: str) -> tuple[RunView, ...]:
        """Return what became of it lately, newest first."""

    def products(self, words: str) -> tuple[ProductView, ...]:
        """Find products that are sold, by words of their name in either language, accents or not."""

    def products_named(self, product_ids: Iterable[str]) -> Mapping[str, ProductView]: ...

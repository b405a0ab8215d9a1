"""What pages and the API read: plain rows, one query or few each, however many offers there are.

`Queries` is the port; `orders.adapters.reads` answers it. Reads of what belongs to a store take the actor and show only
what that one may see.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from orders.domain.cases import case_missing
from orders.domain.cycle import CycleState
from orders.domain.order import OrderState
from orders.domain.people import Actor, Role

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class StoreView:
    id: str
    name: str
    route: str = ""


@dataclass(frozen=True, slots=True)
class PersonView:
    id: str
    email: str
    name: str
    role: Role
    locale: str
    stores: tuple[StoreView, ...]


@dataclass(frozen=True, slots=True)
class CycleView:
    """A market day; `server_time` is the database's clock when it was read."""

    id: str
    name: str
    state: CycleState
    opens_at: datetime
    cutoff_at: datetime
    delivery_on: date
    server_time: datetime

    @property
    def takes_orders(self) -> bool:
        return self.state is CycleState.OPEN and self.server_time < self.cutoff_at


@dataclass(frozen=True, slots=True)
class QuoteView:
    """What the USDA last reported for a product's series; `stale` when that is over three business days ago."""

    series_id: str
    market: str
    report_id: str
    quoted_on: date
    low: Decimal | None
    high: Decimal | None
    reference: Decimal
    stale: bool
    commodity: str
    variety: str
    package: str
    size: str


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer and its product. `available`/`remaining` None = not limited; `quote` None = no quote known.

    `ordered` is what the asking store's live order holds of it, `shorted` how much less than asked for,
    `agreed_…` and `max_unit_price_cents` the price and the limit of that line. `ordered_by_all` None: not counted.
    `cutoff_at` None: with the market day.
    """

    id: str
    product_id: str
    name: str
    name_es: str
    category: str
    pack: str
    series_id: str | None
    unit_price_cents: int
    available: int | None
    remaining: int | None
    max_per_store: int | None
    version: int
    quote: QuoteView | None
    suggested_price_cents: int | None
    ordered: int = 0
    shorted: int = 0
    ordered_by_all: int | None = None
    case_size: int | None = None
    cutoff_at: datetime | None = None
    agreed_unit_price_cents: int | None = None
    max_unit_price_cents: int | None = None

    @property
    def case_missing(self) -> int | None:
        """Return how many are missing to fill the case that was begun last; None: not sold by the case."""
        return case_missing(self.ordered_by_all, self.case_size)


@dataclass(frozen=True, slots=True)
class LineView:
    offer_id: str
    name: str
    name_es: str
    pack: str
    quantity: int
    unit_price_cents: int
    total_cents: int
    shorted: int
    max_unit_price_cents: int | None = None


@dataclass(frozen=True, slots=True)
class OrderSummary:
    id: str
    number: int
    state: OrderState
    version: int
    cycle_id: str
    cycle_name: str
    delivery_on: date
    store_id: str
    store_name: str
    line_count: int
    total_cents: int
    placed_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OrderView:
    """`editable_until` is the cutoff while the order can still be changed, else None."""

    id: str
    number: int
    state: OrderState
    version: int
    cycle_id: str
    cycle_name: str
    delivery_on: date
    cutoff_at: datetime
    store_id: str
    store_name: str
    lines: tuple[LineView, ...]
    total_cents: int
    note: str
    placed_at: datetime
    updated_at: datetime
    editable_until: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed.

    `field` is "quantity", "unit_price_cents", "shorted", "max_unit_price_cents", "note", "state" or one of
    `standing_orders.DropReason`: "price_limit" (dropped: old is the limit, new the price), the others with what was
    wished for and what was given.

    `offer_id`, `name`, `name_es` are set for changes of a line; `old` None = was not there, `new` None = is gone.
    """

    field: str
    old: int | str | None
    new: int | str | None
    offer_id: str | None = None
    name: str | None = None
    name_es: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of the audit trail: who, when, what, why. `action` is "placed", "amended" or "cancelled"."""

    at: datetime
    action: str
    actor_name: str | None
    actor_role: Role | None
    changes: tuple[Change, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class MailView:
    """What became of one mail. `state` is "sent", "deferred", "failed" or "suppressed"; `kind` names the template."""

    message_id: str
    kind: str
    state: str
    at: datetime
    reason: str
    person_name: str | None
    order_id: str | None = None
    order_number: int | None = None
    store_name: str | None = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    order: OrderView
    timeline: tuple[TimelineEntry, ...]
    mails: tuple[MailView, ...]


@dataclass(frozen=True, slots=True)
class OfferTotal:
    """What all stores together ordered of one offer, against stock."""

    offer_id: str
    name: str
    name_es: str
    pack: str
    unit_price_cents: int
    ordered: int
    stores: int
    available: int | None
    remaining: int | None


@dataclass(frozen=True, slots=True)
class Board:
    """The staff's live board. `cycle` is the open one with the nearest cutoff, else the one that closed last.

    `totals` are those of its `offers` that are nearest to selling out.
    """

    cycle: CycleView | None
    server_time: datetime
    orders: tuple[OrderSummary, ...]
    totals: tuple[OfferTotal, ...]
    stores_without_order: tuple[StoreView, ...]
    undelivered_mails: tuple[MailView, ...]
    total_cents: int
    offers: int


@dataclass(frozen=True, slots=True)
class OrderFilter:
    cycle_id: str | None = None
    store_id: str | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Some items and where the next ones begin (an opaque cursor), or None."""

    items: tuple[T_co, ...]
    next_cursor: str | None


class Queries(Protocol):
    """Reads. A missing or foreign thing raises `NotFound`."""

    def stores(self, actor: Actor) -> tuple[StoreView, ...]:
        """List the stores the actor may order for, by name: a buyer's own, all active ones for staff."""

    def person(self, actor: Actor) -> PersonView: ...

    def cycles(self, state: CycleState | None, *, limit: int, cursor: str | None) -> Page[CycleView]:
        """Page through market days, latest cutoff first."""

    def cycle(self, cycle_id: str) -> CycleView: ...

    def current_cycle(self) -> CycleView | None:
        """Return the open market day with the nearest cutoff."""

    def offers(
        self,
        cycle_id: str,
        *,
        store_id: str | None = None,
        limit: int = 5_000,
        cursor: str | None = None,
        category: str | None = None,
        text: str | None = None,
    ) -> Page[OfferView]:
        """Page through a cycle's offers by category and name; with a store, what it has ordered of each."""

    def orders(self, actor: Actor, wanted: OrderFilter, *, limit: int, cursor: str | None) -> Page[OrderView]:
        """Page through orders with their lines, newest first; a buyer's own stores only."""

    def order_summaries(self, actor: Actor, *, limit: int, cursor: str | None) -> Page[OrderSummary]:
        """The same without lines, for lists."""

    def order(self, actor: Actor, order_id: str) -> OrderView: ...

    def order_page(self, actor: Actor, order_id: str) -> OrderPage:
        """Return one order with its audit trail (oldest first) and its mails (oldest first)."""

    def live_order(self, actor: Actor, cycle_id: str, store_id: str) -> OrderView | None:
        """Return the store's order of this cycle that is not cancelled."""

    def board(self, actor: Actor, cycle_id: str | None = None) -> Board:
        """Return the staff's board; `Forbidden` for buyers."""

"""What the order page shows, worked out from rows: the shelves, what is mine on top, sums, what a refusal marked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from uuid import uuid4

from orders.application.queries import CycleView, OfferView, OrderView, StoreView
from orders.entrypoints.pages.formats import TimeLeft
from orders.entrypoints.pages.order_form import TypedOrder
from orders.entrypoints.pages.refusals import Refusal

RUNNING_LOW_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """One offer as its reader sees it; `typed` is the text in the box, `says` what a refusal has to say here."""

    offer: OfferView
    name: str
    typed: str
    wished: int
    says: str | None

    @property
    def is_sold_out(self) -> bool:
        return self.offer.remaining == 0

    @property
    def is_out_of_reach(self) -> bool:
        """Tell whether nothing is left and none is mine: it stays visible, last on its shelf."""
        return self.is_sold_out and not self.offer.ordered and not self.wished

    @property
    def low_mark(self) -> float:
        return (self.offer.available or 0) * RUNNING_LOW_SHARE

    @property
    def total_cents(self) -> int:
        return self.wished * self.offer.unit_price_cents


@dataclass(frozen=True, slots=True)
class Shelf:
    """The offers of one category."""

    category: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class OrderPageModel:
    """Everything the template needs. `order` is the store's live order, which the form then amends."""

    store: StoreView
    has_other_stores: bool
    cycle: CycleView
    left: TimeLeft
    order: OrderView | None
    typed: TypedOrder
    mine: tuple[Row, ...]
    shelves: tuple[Shelf, ...]
    refusal: Refusal | None
    rendered_at_ms: int
    key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def action(self) -> str:
        """Return where the form is sent: a key in the address lets the gateway send it again without doubling it."""
        path = f"/orders/{self.order.id}" if self.order else "/orders"
        return f"{path}?idempotency_key={self.key}"

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*self.mine, *(row for shelf in self.shelves for row in shelf.rows))

    @property
    def chosen(self) -> list[Row]:
        return [row for row in self.rows if row.wished]

    @property
    def marked(self) -> list[Row]:
        """Return the rows that a refusal names."""
        return [row for row in self.rows if row.says]

    @property
    def total_cents(self) -> int:
        return sum(row.total_cents for row in self.chosen)

    @property
    def takes_orders(self) -> bool:
        return self.cycle.takes_orders and not (self.refusal and self.refusal.closed)


def arrange(
    offers: Iterable[OfferView], typed: TypedOrder, refusal: Refusal | None, locale: str
) -> tuple[tuple[Row, ...], tuple[Shelf, ...]]:
    """Sort offers into what is on order (on top) and the shelves by category, out of reach last on each.

    What is merely typed stays on its shelf: a row that jumps away under the thumb is worse than one to scroll to.
    """
    rows = sorted((_row(offer, typed, refusal, locale) for offer in offers), key=_place)
    mine = tuple(row for row in rows if row.offer.ordered)
    others = (row for row in rows if not row.offer.ordered)
    shelves = tuple(Shelf(name, tuple(group)) for name, group in groupby(others, key=lambda row: row.offer.category))
    return mine, shelves


def by_id(offers: Iterable[OfferView]) -> Mapping[str, OfferView]:
    return {offer.id: offer for offer in offers}


def _row(offer: OfferView, typed: TypedOrder, refusal: Refusal | None, locale: str) -> Row:
    return Row(
        offer=offer,
        name=offer.name_es if locale == "es" else offer.name,
        typed=typed.quantities.get(offer.id, ""),
        wished=typed.wished(offer.id),
        says=refusal.of(offer.id) if refusal else None,
    )


def _place(row: Row) -> tuple[str, bool, str, str]:
    return (row.offer.category, row.is_out_of_reach, row.name.casefold(), row.offer.pack)

"""What the order page shows, worked out from rows: the shelves, what is mine on top, sums, what a refusal marked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from uuid import uuid4

from orders.application.queries import CycleView, StoreView
from orders.application.shop import OFFERS_AT_ONCE, Aisle, Shelves, StoreOrder, View
from orders.entrypoints.pages.filling import Filling
from orders.entrypoints.pages.formats import TimeLeft
from orders.entrypoints.pages.offer_rows import Row
from orders.entrypoints.pages.order_form import TypedOrder
from orders.entrypoints.pages.refusals import Refusal
from orders.entrypoints.pages.shop_view import address


@dataclass(frozen=True, slots=True)
class Shelf:
    """Offers of one category; `found` counts those on other pages too."""

    category: str
    found: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Arranged:
    """Every row once: what the store's order holds, what was chosen outside the view, the shelves of the view."""

    mine: tuple[Row, ...]
    kept: tuple[Row, ...]
    shelves: tuple[Shelf, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*self.mine, *self.kept, *(row for shelf in self.shelves for row in shelf.rows))


@dataclass(frozen=True, slots=True)
class OrderPageModel:
    """Everything the template needs. `order` is the store's live order, which the form then amends."""

    store: StoreView
    has_other_stores: bool
    cycle: CycleView
    left: TimeLeft
    order: StoreOrder | None
    offers_copy: bool
    typed: TypedOrder
    stock: Shelves
    arranged: Arranged
    refusal: Refusal | None
    filling: Filling | None
    asked_for_limits: bool
    rendered_at_ms: int
    key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def action(self) -> str:
        """Return where the form is sent: a key in the address lets the gateway send it again without doubling it."""
        path = f"/orders/{self.order.id}" if self.order else "/orders"
        return f"{path}?idempotency_key={self.key}"

    @property
    def view(self) -> View:
        return self.stock.view

    @property
    def address(self) -> str:
        return address(self.store.id, self.view)

    @property
    def aisles(self) -> tuple[Aisle, ...]:
        """Return the categories to choose from; none when everything is on one page."""
        return self.stock.aisles if self.stock.is_paged else ()

    @property
    def has_everything(self) -> bool:
        """Tell whether the page holds every offer of the day, so that a script can search them by itself."""
        return self.view.is_whole and not self.stock.is_paged

    @property
    def first_shown(self) -> int:
        return (self.view.page - 1) * OFFERS_AT_ONCE + 1

    @property
    def last_shown(self) -> int:
        return min(self.view.page * OFFERS_AT_ONCE, self.stock.found)

    @property
    def is_front(self) -> bool:
        """Tell whether this is where one comes in: there what is mine lies open on top, elsewhere it is folded."""
        return self.view.is_whole and self.view.page == 1

    @property
    def limits_open(self) -> bool:
        return self.asked_for_limits or any(row.limit or row.limit_says for row in self.chosen)

    @property
    def chosen(self) -> list[Row]:
        return [row for row in self.arranged.rows if row.wished]

    @property
    def marked(self) -> list[Row]:
        """Return the rows that a refusal names."""
        return [row for row in self.arranged.rows if row.says]

    @property
    def total_cents(self) -> int:
        return sum(row.total_cents for row in self.chosen)

    @property
    def takes_orders(self) -> bool:
        return self.cycle.takes_orders and not (self.refusal and self.refusal.closed)


def arrange(rows: Iterable[Row], stock: Shelves) -> Arranged:
    """Sort rows into what is on order (on top), what was chosen elsewhere, and the shelves by category.

    What is merely typed stays on its shelf: a row that jumps away under the thumb is worse than one to scroll to.
    """
    mine: list[Row] = []
    kept: list[Row] = []
    seen: list[Row] = []
    for row in rows:
        if row.offer.ordered:
            mine.append(row)
        elif row.offer.in_view:
            seen.append(row)
        elif row.typed or row.says:
            kept.append(row)
    found = {aisle.category: aisle.found for aisle in stock.aisles}
    shelves = (
        Shelf(category, found.get(category, 0), tuple(group))
        for category, group in groupby(seen, key=lambda row: row.offer.category)
    )
    return Arranged(tuple(mine), tuple(kept), tuple(shelves))

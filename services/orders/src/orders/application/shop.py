"""What the order page reads: some offers of a market day, never all of them at once, and what the store has of them."""

import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from orders.domain.people import Actor

OFFERS_AT_ONCE = 200
"""A market day of at most so many offers is one page; of a larger one a page shows so many."""
MAX_SEARCH_CHARACTERS = 100
MAX_SEARCH_WORDS = 8


@dataclass(frozen=True, slots=True)
class View:
    """Which offers are looked at: one category or all, those with all the words of `text`, the `page`-th so many."""

    category: str | None = None
    text: str = ""
    page: int = 1

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is left out but by paging."""
        return self.category is None and not self.words

    @property
    def words(self) -> tuple[str, ...]:
        """Return what to look for: lower case, without accents."""
        return tuple(plain(self.text[:MAX_SEARCH_CHARACTERS]).split())[:MAX_SEARCH_WORDS]


@dataclass(frozen=True, slots=True)
class ShopOffer:
    """An offer on a shelf. `available`/`remaining` None: not limited; `quoted_on` None: no market price known.

    `ordered`, `shorted`, `agreed_…` and `max_unit_price_cents` are of the asking store's live order. `taken` is what
    all stores together ordered; None: not known, because nothing on the page depends on it. `cutoff_at` None: with the
    market day.
    """

    id: str
    name: str
    name_es: str
    category: str
    pack: str
    series_id: str | None
    unit_price_cents: int
    available: int | None
    remaining: int | None
    max_per_store: int | None
    case_size: int | None
    cutoff_at: datetime | None
    is_closed: bool
    version: int
    market: str | None
    quoted_on: date | None
    is_stale: bool
    ordered: int
    shorted: int
    agreed_unit_price_cents: int | None
    max_unit_price_cents: int | None
    taken: int | None
    in_view: bool

    def charged_cents(self, quantity: int) -> int:
        """Return what one costs in an order of so many: a line that does not grow keeps its price (ADR 19)."""
        if self.agreed_unit_price_cents is not None and 0 < quantity <= self.ordered:
            return self.agreed_unit_price_cents
        return self.unit_price_cents


@dataclass(frozen=True, slots=True)
class Aisle:
    """A category: how many offers it has, and how many of them the words of the search were found in."""

    category: str
    offers: int
    found: int


@dataclass(frozen=True, slots=True)
class Shelves:
    """The offers of a view, those the store's order holds and those asked for besides, sorted; one each.

    `view` is the one that was answered: a page beyond the last is the last.
    """

    view: View
    aisles: tuple[Aisle, ...]
    offers: tuple[ShopOffer, ...]

    @property
    def total(self) -> int:
        return sum(aisle.offers for aisle in self.aisles)

    def of_these(self, offer_ids: Collection[str]) -> "Shelves":
        """Return what is left when nothing else is shown than these and what is on order."""
        offers = tuple(offer for offer in self.offers if offer.ordered or offer.id in offer_ids)
        counts = Counter(offer.category for offer in offers if offer.in_view)
        return Shelves(self.view, tuple(Aisle(one, count, count) for one, count in counts.items()), offers)

    @property
    def found(self) -> int:
        return found_in(self.aisles, self.view)

    @property
    def pages(self) -> int:
        return page_count(self.found)

    @property
    def is_paged(self) -> bool:
        """Tell whether the market day is too large for one page."""
        return self.total > OFFERS_AT_ONCE


@dataclass(frozen=True, slots=True)
class StoreOrder:
    """The store's live order of the day; `editable` while it can still be changed."""

    id: str
    number: int
    version: int
    note: str
    editable: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a store stands on a market day: its order, if any, and whether there is an older one to copy."""

    order: StoreOrder | None
    has_older: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """A line of an older order, and the offer of the same product on this market day, if there is one."""

    name: str
    name_es: str
    quantity: int
    offer_id: str | None


class Shop(Protocol):
    """The reads of the order page; each is one statement, `shelves` two, however large the market day."""

    def standing(self, cycle_id: str, store_id: str) -> Standing: ...

    def shelves(
        self, cycle_id: str, store_id: str, view: View, *, locale: str, besides: Collection[str] = ()
    ) -> Shelves:
        """Return a view of the day's offers, what the store ordered, and the offers with the ids `besides`."""

    def wishes(self, actor: Actor, cycle_id: str, store_id: str, order_id: str | None) -> tuple[Wish, ...]:
        """Return the lines of an order the actor may see, or of the store's last one before this market day."""


def plain(text: str) -> str:
    """Take off accents and case, so that "platano" finds "Plátano"."""
    spread = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in spread if not unicodedata.combining(letter)).lower()


def page_count(found: int) -> int:
    return max(1, -(-found // OFFERS_AT_ONCE))


def found_in(aisles: Collection[Aisle], view: View) -> int:
    """Count what a view finds on all its pages."""
    return sum(aisle.found for aisle in aisles if view.category in (None, aisle.category))

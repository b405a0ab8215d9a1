"""What staff read of products and the market: lists, one product with its price worked out, series to choose from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from orders.application.product_store import StoredProduct
from orders.application.queries import Page, QuoteView, TimelineEntry
from orders.domain.cycle import CycleState
from orders.domain.people import Actor
from orders.domain.pricing import suggested_price_cents
from orders.domain.product import Product

MAX_WORDS = 10


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A price worked out from a quote; `bound_by` is "floor" or "ceiling" when one of them decided."""

    price_cents: int
    unbounded_cents: int
    bound_by: str | None


def suggest(product: Product, reference: Decimal) -> Suggestion:
    """Work out what a product should cost, and what it would without floor and ceiling."""
    price, unbounded = (
        suggested_price_cents(
            reference,
            units_per_package=product.units_per_package,
            yield_share=product.yield_share,
            markup=product.markup,
            floor_cents=floor,
            ceiling_cents=ceiling,
        )
        for floor, ceiling in ((product.floor_cents, product.ceiling_cents), (None, None))
    )
    bound = None if price == unbounded else "floor" if price > unbounded else "ceiling"
    return Suggestion(price, unbounded, bound)


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product with what the market says of it; no quote, no suggestion. `age_days` is how old the quote is."""

    stored: StoredProduct
    quote: QuoteView | None = None
    suggestion: Suggestion | None = None
    age_days: int | None = None

    @property
    def id(self) -> str:
        return self.stored.id

    @property
    def product(self) -> Product:
        return self.stored.product


@dataclass(frozen=True, slots=True)
class OfferedPrice:
    """At what price, and how much of it, a product went on a market day."""

    cycle_id: str
    cycle_name: str
    state: CycleState
    delivery_on: date
    unit_price_cents: int
    ordered: int


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """`text`: every word of it occurs somewhere. `unmapped`: no series, or none that a quote is known of."""

    text: str | None = None
    category: str | None = None
    active: bool | None = None
    unmapped: bool = False


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """`text`: every word of it occurs in commodity, variety, package, size or market."""

    text: str | None = None
    commodity: str | None = None
    market: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesView:
    """A series that quotes are known of, with its last one."""

    quote: QuoteView
    organic: bool


class ProductQueries(Protocol):
    """Reads, for staff; others are refused. Search knows neither case nor accents."""

    def products(self, actor: Actor, wanted: ProductFilter, *, limit: int, cursor: str | None) -> Page[ProductView]:
        """Page through products by category and name."""

    def every(self, actor: Actor, wanted: ProductFilter) -> Iterator[StoredProduct]:
        """Go through all products that fit, for an export."""

    def product(self, actor: Actor, product_id: str) -> ProductView: ...

    def categories(self, actor: Actor) -> tuple[str, ...]:
        """List the categories in use."""

    def prices(self, actor: Actor, product_id: str) -> tuple[OfferedPrice, ...]:
        """Return what a product was offered at, the latest market day first."""

    def timeline(self, actor: Actor, product_id: str) -> tuple[TimelineEntry, ...]:
        """Return the audit trail of a product, the latest first."""

    def series(self, actor: Actor, wanted: SeriesFilter, *, limit: int, cursor: str | None) -> Page[SeriesView]:
        """Page through series by commodity, variety, package, size and market."""

    def one_series(self, actor: Actor, series_id: str) -> SeriesView | None: ...


def words_of(text: str | None) -> list[str]:
    """Split what was searched for into words."""
    return (text or "").split()[:MAX_WORDS]

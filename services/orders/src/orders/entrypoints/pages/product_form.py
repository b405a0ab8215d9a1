"""The product form as it was typed, whatever was typed: it can always be shown again, and mostly be understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from orders.application.product_queries import SeriesView
from orders.application.product_text import COLUMNS, read_product, written
from orders.domain import packs
from orders.domain.product import MAX_PACK_CHARACTERS, ImpossibleProduct, Product

FIELDS = tuple(column for column in COLUMNS if column not in ("id", "active"))
# More than fits, so that one who wrote too much can shorten it instead of finding it cut off.
MAX_TYPED_CHARACTERS = 1_000
_NOT_SAID = frozenset({"", "n/a", "na", "none"})


@dataclass(frozen=True, slots=True)
class TypedProduct:
    """The fields by the name of their column, as text."""

    cells: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    active: bool = True

    def product(self) -> Product:
        """Read the product; raise ImpossibleProduct naming the columns."""
        cells = {**self.cells, "category": packs.category_key(self.cells["category"])}
        read = read_product({**cells, "active": "yes" if self.active else "no"}, None)
        if read.product is None:
            raise ImpossibleProduct(*read.faults)
        return read.product


def read_form(form: MultiDict[str, str]) -> TypedProduct:
    """Take over the posted form; what is not a field of ours is ignored."""
    cells = {name: form.get(name, "")[:MAX_TYPED_CHARACTERS] for name in FIELDS}
    return TypedProduct(cells, active="active" in form)


def as_kept(product: Product, locale: str) -> TypedProduct:
    """Fill the form with a product as it is kept."""
    cells = written(product)
    if product.category in packs.KNOWN_CATEGORIES:
        cells["category"] = packs.category_in(product.category, locale)
    return TypedProduct({name: cells[name] for name in FIELDS}, active=product.active)


def of_series(series: SeriesView | None) -> TypedProduct:
    """Begin a new product, from a market series where one was chosen."""
    fresh = TypedProduct()
    if series is None:
        return fresh
    quote = series.quote
    parts = (part.strip() for part in (quote.package, quote.size))
    pack = ", ".join(part for part in parts if part.lower() not in _NOT_SAID)[:MAX_PACK_CHARACTERS]
    return TypedProduct({**fresh.cells, "name": quote.commodity[:80], "pack": pack, "series_id": quote.series_id})

"""The form of a standing order as it was typed: it can always be shown again, with what is wrong beside each field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from orders.application.standing_orders import MAX_SEARCH_CHARACTERS, ProductView, StandingLine, StandingOrder
from orders.domain.order import MAX_QUANTITY
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.order_form import MAX_NOTE_KEPT, MAX_TYPED_CHARACTERS, whole_number
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.typed_money import cents_of, dollars_of

QUANTITY_PREFIX, LIMIT_PREFIX = "quantity-", "limit-"
MAX_ROWS_KEPT = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One product with what is typed for it; an empty quantity or 0 takes it out."""

    product: ProductView
    quantity: str
    limit: str
    is_sold: bool = True

    @property
    def number(self) -> int | None:
        return whole_number(self.quantity)

    @property
    def limit_cents(self) -> int | None:
        return cents_of(self.limit) if self.limit.strip() else None

    @property
    def line(self) -> StandingLine | None:
        return StandingLine(self.product.id, self.number, self.limit_cents) if self.number else None

    @property
    def wrong(self) -> Mapping[str, str]:
        """Return what is to be said beside its fields, by their names."""
        said = {}
        if self.number is None:
            said[QUANTITY_PREFIX + self.product.id] = _("Write a whole number from 0 to %(most)s.") % {
                "most": f"{MAX_QUANTITY:,}"
            }
        if self.limit.strip() and cents_of(self.limit) is None:
            said[LIMIT_PREFIX + self.product.id] = _("Write dollars, such as 12.50.")
        return said


@dataclass(frozen=True, slots=True)
class TypedStanding:
    """All of it; `version` is the one that was shown, 0 when there was none."""

    rows: tuple[Row, ...]
    note: str
    version: int
    words: str = ""

    @property
    def wrong(self) -> Mapping[str, str]:
        return {name: sentence for row in self.rows for name, sentence in row.wrong.items()}

    @property
    def lines(self) -> tuple[StandingLine, ...]:
        return tuple(line for row in self.rows if (line := row.line))

    def having(self, product: ProductView) -> "TypedStanding":
        """Put a product on the list, once."""
        if any(row.product.id == product.id for row in self.rows):
            return self
        return replace(self, rows=(*self.rows, Row(product, "1", "")))

    def without(self, product_id: str) -> "TypedStanding":
        """Take a product off the list."""
        return replace(self, rows=tuple(row for row in self.rows if row.product.id != product_id))


def product_ids(form: MultiDict[str, str]) -> list[str]:
    """Return the products of a posted form, in its order."""
    found = [name.removeprefix(QUANTITY_PREFIX) for name in form if name.startswith(QUANTITY_PREFIX)]
    return found[:MAX_ROWS_KEPT]


def read_form(form: MultiDict[str, str], products: Mapping[str, ProductView], version: int) -> TypedStanding:
    """Take over a posted form; products that there are none of are left out."""
    rows = (
        Row(
            product=products[one],
            quantity=form.get(QUANTITY_PREFIX + one, "")[:MAX_TYPED_CHARACTERS],
            limit=form.get(LIMIT_PREFIX + one, "")[:MAX_TYPED_CHARACTERS],
        )
        for one in product_ids(form)
        if one in products
    )
    return TypedStanding(
        rows=tuple(rows),
        note=field_text(form, "note", MAX_NOTE_KEPT),
        version=version,
        words=words_of(form.get("q", "")),
    )


def words_of(text: str) -> str:
    return text[:MAX_SEARCH_CHARACTERS].strip()


def as_saved(standing: StandingOrder | None, words: str) -> TypedStanding:
    """Fill the form with what is saved."""
    if standing is None:
        return TypedStanding((), "", 0, words)
    rows = (
        Row(one.product, str(one.quantity), dollars_of(one.max_unit_price_cents), one.is_sold) for one in standing.lines
    )
    return TypedStanding(tuple(rows), standing.note, standing.version, words)


def ids_of(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(row.product.id for row in rows)

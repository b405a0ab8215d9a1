"""The JSON of products and series."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainSerializer

from orders.application.product_import import PlannedRow
from orders.application.product_queries import ProductView, SeriesView, Suggestion
from orders.application.product_sheet import SheetFault
from orders.application.product_store import StoredProduct
from orders.application.product_text import plain
from orders.application.products import differences
from orders.application.queries import QuoteView
from orders.application.trends import Band, Trend
from orders.domain import product as bounds
from orders.domain.product import Product, tidy
from orders.entrypoints.api.request_bodies import Cents, Id, In
from orders.entrypoints.api.response_bodies import Out, QuoteOut

MAX_TYPED_CHARACTERS = 1_000
# Whether it fits is decided by `Product.require_sound`, which says so in one voice; here only the shape is checked.
Words = Annotated[str, Field(max_length=MAX_TYPED_CHARACTERS), AfterValidator(tidy)]
CaseSize = Annotated[int, Field(ge=bounds.MIN_CASE_SIZE, le=bounds.MAX_CASE_SIZE)]
Number = Annotated[Decimal, PlainSerializer(plain, return_type=str)]


class NewProduct(In):
    """`yield_share` and `markup` are shares: 0.95 is 95 %. Numbers may be written as text, "0.95"."""

    name: Words
    name_es: Words
    category: Words
    pack: Words
    series_id: Id | None = None
    units_per_package: Decimal = Decimal(1)
    yield_share: Decimal = Decimal(1)
    markup: Decimal = Decimal(0)
    floor_cents: Cents | None = None
    ceiling_cents: Cents | None = None
    case_size: CaseSize | None = None
    active: bool = True

    def product(self) -> Product:
        """Return the product as the use case takes it."""
        return Product(**self.model_dump())


class ProductChange(In):
    """Only what is named changes; null takes series, floor, ceiling and case size away."""

    name: Words = ""
    name_es: Words = ""
    category: Words = ""
    pack: Words = ""
    series_id: Id | None = None
    units_per_package: Decimal = Decimal(1)
    yield_share: Decimal = Decimal(1)
    markup: Decimal = Decimal(0)
    floor_cents: Cents | None = None
    ceiling_cents: Cents | None = None
    case_size: CaseSize | None = None
    active: bool = True

    def alter(self) -> Callable[[Product], Product]:
        """Return the change as the use case takes it."""
        named: dict[str, Any] = self.model_dump(include=self.model_fields_set)
        return lambda product: replace(product, **named)


class KeptProductOut(Out):
    """A product as it is kept; `case_size` null: sold one by one."""

    id: str
    version: int
    name: str
    name_es: str
    category: str
    pack: str
    series_id: str | None
    units_per_package: Number
    yield_share: Number
    markup: Number
    floor_cents: int | None
    ceiling_cents: int | None
    case_size: int | None
    active: bool

    @classmethod
    def of(cls, stored: StoredProduct) -> Self:
        """Show a product."""
        return cls(**_fields(stored))


class StaffProductOut(KeptProductOut):
    """A product with its suggested price and the quote that comes from; both null: no quote known."""

    suggested_price_cents: int | None
    quote: QuoteOut | None

    @classmethod
    def with_market(cls, view: ProductView) -> Self:
        """Show a product and what the market says of it."""
        return cls(
            **_fields(view.stored),
            suggested_price_cents=view.suggestion.price_cents if view.suggestion else None,
            quote=QuoteOut.of(view.quote) if view.quote else None,
        )


def _fields(stored: StoredProduct) -> dict[str, Any]:
    product = stored.product
    return {"id": stored.id, "version": stored.version, **{name: getattr(product, name) for name in _NAMES}}


_NAMES = tuple(NewProduct.model_fields)


class ProductsPage(Out):
    items: list[StaffProductOut]
    next: str | None


class FormulaOut(Out):
    """reference / (units_per_package * yield_share) * (1 + markup), half up to a cent, then floor and ceiling."""

    reference: Number
    units_per_package: Number
    yield_share: Number
    markup: Number
    floor_cents: int | None
    ceiling_cents: int | None
    unbounded_price_cents: int
    bound_by: Literal["floor", "ceiling"] | None


class PointOut(Out):
    date: date
    reference: Number


class TrendOut(Out):
    """`change_pct_week` null: too few quotes; `points` are those of the last 30 days."""

    change_pct_week: Number | None
    points: list[PointOut]


class BandOut(Out):
    """What is expected, an estimate, with its 80 % band; USD per package."""

    date: date
    value: Number
    low: Number
    high: Number

    @classmethod
    def of(cls, band: Band) -> Self:
        """Show a band."""
        return cls.model_validate({"date": band.on, "value": band.value, "low": band.low, "high": band.high})


class SuggestionOut(Out):
    """All but the ids null: no quote of the product's series is known. `age_days` is the quote's."""

    product_id: str
    series_id: str | None
    price_cents: int | None
    formula: FormulaOut | None
    quote: QuoteOut | None
    age_days: int | None
    trend: TrendOut | None
    band: BandOut | None

    @classmethod
    def of(cls, view: ProductView, trend: Trend | None) -> Self:
        """Show how a price is worked out."""
        return cls(
            product_id=view.id,
            series_id=view.product.series_id,
            price_cents=view.suggestion.price_cents if view.suggestion else None,
            formula=_formula(view.product, view.quote, view.suggestion),
            quote=QuoteOut.of(view.quote) if view.quote else None,
            age_days=view.age_days,
            trend=None if trend is None else _trend(trend),
            band=BandOut.of(trend.band) if trend and trend.band else None,
        )


def _formula(product: Product, quote: QuoteView | None, suggestion: Suggestion | None) -> FormulaOut | None:
    if quote is None or suggestion is None:
        return None
    return FormulaOut.model_validate(
        {
            "reference": quote.reference,
            "units_per_package": product.units_per_package,
            "yield_share": product.yield_share,
            "markup": product.markup,
            "floor_cents": product.floor_cents,
            "ceiling_cents": product.ceiling_cents,
            "unbounded_price_cents": suggestion.unbounded_cents,
            "bound_by": suggestion.bound_by,
        }
    )


def _trend(trend: Trend) -> TrendOut:
    points = [PointOut(date=on, reference=reference) for on, reference in trend.points]
    return TrendOut(change_pct_week=trend.change_pct_week, points=points)


class SeriesOut(Out):
    """A market series and its last quote, USD per package."""

    series_id: str
    market: str
    report_id: str
    commodity: str
    variety: str
    package: str
    size: str
    organic: bool
    date: date
    low: Number | None
    high: Number | None
    reference: Number
    stale: bool

    @classmethod
    def of(cls, series: SeriesView) -> Self:
        """Show a series."""
        quote = series.quote
        same = ("series_id", "market", "report_id", "commodity", "variety", "package", "size")
        prices = ("low", "high", "reference", "stale")
        values = {name: getattr(quote, name) for name in (*same, *prices)}
        return cls.model_validate({**values, "organic": series.organic, "date": quote.quoted_on})


class SeriesPage(Out):
    items: list[SeriesOut]
    next: str | None


class ImportErrorOut(Out):
    line: int
    column: str
    value: str
    message: str

    @classmethod
    def of(cls, found: SheetFault) -> Self:
        """Show what is wrong in a cell."""
        return cls(line=found.line, column=found.fault.field, value=found.value, message=found.fault.message)


class FieldChangeOut(Out):
    field: str
    old: str | int | bool | None
    new: str | int | bool | None


class ImportRowOut(Out):
    """`id` null: a new product."""

    line: int
    id: str | None
    name: str
    pack: str
    changes: list[FieldChangeOut]

    @classmethod
    def of(cls, row: PlannedRow) -> Self:
        """Show what a row does."""
        product, before = row.after.product, row.before
        changes = differences(before.product if before else None, product)
        return cls(
            line=row.line,
            id=before.id if before else None,
            name=product.name,
            pack=product.pack,
            changes=[FieldChangeOut.model_validate(change) for change in changes],
        )


class ImportOut(Out):
    """What a file did, or with `dry_run` would do; `rows` and `errors` are the first hundreds of them."""

    dry_run: bool
    new: int
    changed: int
    unchanged: int
    faulty: int
    rows: list[ImportRowOut]
    errors: list[ImportErrorOut]

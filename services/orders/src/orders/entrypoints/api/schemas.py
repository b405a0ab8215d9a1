"""The JSON of the API: what is taken in, checked strictly, and what is given out."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar
from uuid import UUID

from flask import request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from orders.application.queries import CycleView, LineView, OfferView, OrderView, PersonView, QuoteView, StoreView
from orders.domain.errors import FieldError, Invalid
from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS, MAX_QUANTITY, LineRequest, OnShortage

MAX_PRICE_CENTS = 2_147_483_647
MAX_ERRORS = 50


def _normal(text: str) -> str:
    return str(UUID(text))


def _without_controls(text: str) -> str:
    if any(ord(character) < ord(" ") and character not in "\t\r\n" for character in text):
        raise ValueError("control characters are not text")
    return text


Id = Annotated[str, Field(json_schema_extra={"format": "uuid"}), AfterValidator(_normal)]
Note = Annotated[str, Field(max_length=MAX_NOTE_CHARACTERS), AfterValidator(_without_controls)]
Cents = Annotated[int, Field(ge=0, le=MAX_PRICE_CENTS)]


class In(BaseModel):
    """A body taken in: unknown fields are refused, because a misspelt guard would guard nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def of_request(cls) -> Self:
        """Read the request's JSON; raise Invalid naming every field that makes no sense."""
        if request.mimetype != "application/json":
            raise UnsupportedMediaType("send application/json")
        try:
            return cls.model_validate_json(request.get_data())
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
            raise Invalid(*(_field_error(problem) for problem in found)) from error


def _field_error(problem: Mapping[str, Any]) -> FieldError:
    return FieldError(".".join(str(part) for part in problem["loc"]) or "body", problem["msg"])


class LineIn(In):
    offer_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    expected_unit_price_cents: Cents | None = None
    max_unit_price_cents: Cents | None = None

    def wish(self) -> LineRequest:
        """Return the line as the use case takes it."""
        return LineRequest(self.offer_id, self.quantity, self.expected_unit_price_cents, self.max_unit_price_cents)


class OrderChange(In):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=MAX_LINES)]
    note: Note | None = None
    on_shortage: Literal["reject", "partial"] = "reject"

    def wishes(self) -> tuple[LineRequest, ...]:
        """Return the lines as the use case takes them."""
        return tuple(line.wish() for line in self.lines)

    def shortage_rule(self) -> OnShortage:
        """Return what to do about a shortage."""
        return OnShortage(self.on_shortage)


class NewOrder(OrderChange):
    cycle_id: Id
    store_id: Id


class Out(BaseModel):
    """A body given out."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


TItem = TypeVar("TItem", bound=Out)


class TokenOut(Out):
    token: str
    expires_at: datetime


class TicketOut(Out):
    ticket: str
    expires_at: datetime


class RenewedOut(Out):
    expires_at: datetime


class StoreOut(Out):
    id: str
    name: str

    @classmethod
    def of(cls, store: StoreView) -> Self:
        """Show a store."""
        return cls(id=store.id, name=store.name)


class MeOut(Out):
    id: str
    email: str
    name: str
    role: Literal["buyer", "staff", "admin"]
    locale: str
    stores: list[StoreOut]

    @classmethod
    def of(cls, person: PersonView) -> Self:
        """Show a person to that person."""
        return cls(
            id=person.id,
            email=person.email,
            name=person.name,
            role=person.role.value,
            locale=person.locale,
            stores=[StoreOut.of(store) for store in person.stores],
        )


class QuoteOut(Out):
    """What the USDA reported last for the product's series, in USD per package."""

    market: str
    report_id: str
    date: date
    low: Decimal | None
    high: Decimal | None
    reference: Decimal
    stale: bool

    @classmethod
    def of(cls, quote: QuoteView) -> Self:
        """Show a quote."""
        return cls(
            market=quote.market,
            report_id=quote.report_id,
            date=quote.quoted_on,
            low=quote.low,
            high=quote.high,
            reference=quote.reference,
            stale=quote.stale,
        )


class ProductOut(Out):
    id: str
    name: str
    name_es: str
    category: str
    pack: str
    series_id: str | None


class OfferOut(Out):
    """`available` and `remaining` null: not limited. `suggested_price_cents` and `quote` null: no quote known."""

    id: str
    product: ProductOut
    unit_price_cents: int
    available: int | None
    remaining: int | None
    max_per_store: int | None
    version: int
    suggested_price_cents: int | None
    quote: QuoteOut | None

    @classmethod
    def of(cls, offer: OfferView) -> Self:
        """Show an offer."""
        product = ProductOut(
            id=offer.product_id,
            name=offer.name,
            name_es=offer.name_es,
            category=offer.category,
            pack=offer.pack,
            series_id=offer.series_id,
        )
        return cls(
            id=offer.id,
            product=product,
            unit_price_cents=offer.unit_price_cents,
            available=offer.available,
            remaining=offer.remaining,
            max_per_store=offer.max_per_store,
            version=offer.version,
            suggested_price_cents=offer.suggested_price_cents,
            quote=None if offer.quote is None else QuoteOut.of(offer.quote),
        )


class CycleOut(Out):
    id: str
    name: str
    state: Literal["scheduled", "open", "closed", "packing", "done", "cancelled"]
    opens_at: datetime
    cutoff_at: datetime
    delivery_on: date
    server_time: datetime

    @classmethod
    def of(cls, cycle: CycleView) -> Self:
        """Show a market day."""
        return cls.model_validate(_cycle_fields(cycle))


class CurrentCycleOut(CycleOut):
    offers: list[OfferOut]

    @classmethod
    def with_offers(cls, cycle: CycleView, offers: tuple[OfferView, ...]) -> Self:
        """Show a market day with its offers."""
        return cls.model_validate({**_cycle_fields(cycle), "offers": [OfferOut.of(offer) for offer in offers]})


def _cycle_fields(cycle: CycleView) -> dict[str, Any]:
    return {
        "id": cycle.id,
        "name": cycle.name,
        "state": cycle.state.value,
        "opens_at": cycle.opens_at,
        "cutoff_at": cycle.cutoff_at,
        "delivery_on": cycle.delivery_on,
        "server_time": cycle.server_time,
    }


class LineOut(Out):
    """`shorted` is how much less than asked for was given."""

    offer_id: str
    name: str
    name_es: str
    pack: str
    quantity: int
    unit_price_cents: int
    total_cents: int
    shorted: int

    @classmethod
    def of(cls, line: LineView) -> Self:
        """Show a line."""
        return cls.model_validate(line)


class OrderOut(Out):
    """`editable_until` null: the order can't be changed any more."""

    id: str
    number: int
    state: Literal["placed", "cancelled", "packed", "delivered"]
    version: int
    cycle_id: str
    store_id: str
    store_name: str
    lines: list[LineOut]
    total_cents: int
    note: str
    placed_at: datetime
    updated_at: datetime
    editable_until: datetime | None

    @classmethod
    def of(cls, order: OrderView) -> Self:
        """Show an order."""
        return cls(
            id=order.id,
            number=order.number,
            state=order.state.value,
            version=order.version,
            cycle_id=order.cycle_id,
            store_id=order.store_id,
            store_name=order.store_name,
            lines=[LineOut.of(line) for line in order.lines],
            total_cents=order.total_cents,
            note=order.note,
            placed_at=order.placed_at,
            updated_at=order.updated_at,
            editable_until=order.editable_until,
        )


class CyclesPage(Out):
    items: list[CycleOut]
    next: str | None


class OffersPage(Out):
    items: list[OfferOut]
    next: str | None


class OrdersPage(Out):
    items: list[OrderOut]
    next: str | None


class KeyOut(Out):
    kty: str
    crv: str
    kid: str
    x: str
    use: str
    alg: str


class KeySetOut(Out):
    keys: list[KeyOut]


class FieldErrorOut(Out):
    field: str
    message: str


class ShortageOut(Out):
    offer_id: str
    requested: int
    remaining: int


class PriceOut(Out):
    offer_id: str
    unit_price_cents: int


class ProblemOut(Out):
    """RFC 9457. `type` ends in a stable slug; the optional members belong to the slug named like them."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldErrorOut] | None = None
    shortages: list[ShortageOut] | None = None
    prices: list[PriceOut] | None = None
    order_id: str | None = None
    version: int | None = None

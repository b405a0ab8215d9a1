"""The JSON that the API gives out."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from orders.application.queries import CycleView, LineView, OfferView, OrderView, PersonView, QuoteView, StoreView


class Out(BaseModel):
    """A body given out."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class TokenOut(Out):
    id: str
    token: str
    name: str
    scopes: list[str]
    expires_at: datetime


class TicketOut(Out):
    ticket: str
    person_id: str
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
    """`available` and `remaining` null: not limited. `suggested_price_cents` and `quote` null: no quote known.

    `ordered` is what all stores together ordered, null where it isn't counted; `case_missing` how many are missing
    to fill the case begun last, null where nothing is sold by the case. `cutoff_at` null: the market day's.
    """

    id: str
    product: ProductOut
    unit_price_cents: int
    available: int | None
    remaining: int | None
    max_per_store: int | None
    version: int
    suggested_price_cents: int | None
    quote: QuoteOut | None
    ordered: int | None
    case_size: int | None
    case_missing: int | None
    cutoff_at: datetime | None

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
            ordered=offer.ordered_by_all,
            case_size=offer.case_size,
            case_missing=offer.case_missing,
            cutoff_at=offer.cutoff_at,
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
    """`shorted` is how much less than asked for was given. A price above `max_unit_price_cents` drops the line."""

    offer_id: str
    name: str
    name_es: str
    pack: str
    quantity: int
    unit_price_cents: int
    total_cents: int
    shorted: int
    max_unit_price_cents: int | None

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


class OfferCutoffOut(Out):
    offer_id: str
    cutoff_at: datetime


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
    offers: list[OfferCutoffOut] | None = None
    order_id: str | None = None
    version: int | None = None

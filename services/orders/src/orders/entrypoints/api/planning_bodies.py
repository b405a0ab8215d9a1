"""The JSON of planning: what comes in, strictly checked, and what goes out."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, RootModel

from orders.application.planning import PlannedDay
from orders.application.planning_offers import AddedOffers, NewOffer
from orders.application.planning_prices import Accepted
from orders.domain.cycle import Cycle
from orders.domain.offer import (
    MAX_AVAILABLE,
    MAX_CASE_SIZE,
    MAX_OFFERS_AT_ONCE,
    MAX_UNIT_PRICE_CENTS,
    MIN_CASE_SIZE,
    PlannedOffer,
)
from orders.domain.order import MAX_QUANTITY
from orders.domain.planning import MAX_NAME_CHARACTERS, MAX_REASON_CHARACTERS
from orders.entrypoints.api.request_bodies import Id, In
from orders.entrypoints.api.response_bodies import Out

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _within_reason(moment: datetime) -> datetime:
    # Years that a calendar can't add a zone to, or that the database can't hold, end here.
    if not EARLIEST <= moment.replace(tzinfo=UTC) <= LATEST:
        raise ValueError("not a time of this century")
    return moment.astimezone(UTC)


def _day_within_reason(day: date) -> date:
    if not EARLIEST.date() <= day <= LATEST.date():
        raise ValueError("not a day of this century")
    return day


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_within_reason)]
Day = Annotated[date, Field(strict=False), AfterValidator(_day_within_reason)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Price = Annotated[int, Field(ge=0, le=MAX_UNIT_PRICE_CENTS)]
Available = Annotated[int, Field(ge=0, le=MAX_AVAILABLE)]
MaxPerStore = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
CaseSize = Annotated[int, Field(ge=MIN_CASE_SIZE, le=MAX_CASE_SIZE)]


class Partial(In):
    """A body in which a missing field means "as it is" or "as usual", and null means none."""

    def given(self, *without: str) -> Mapping[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set if name not in without}


class NewCycle(Partial):
    """`remind_at` missing: an hour before the cutoff; `packing_at` missing: 3 in the morning of the delivery day."""

    name: Name
    opens_at: Moment
    cutoff_at: Moment
    delivery_on: Day
    remind_at: Moment | None = None
    packing_at: Moment | None = None


class CycleChange(Partial):
    """What is missing stays; `remind_at` null: an hour before the cutoff; `packing_at` null: by hand."""

    name: Name | None = Field(default=None)
    opens_at: Moment | None = None
    cutoff_at: Moment | None = None
    delivery_on: Day | None = None
    remind_at: Moment | None = None
    packing_at: Moment | None = None

    def changes(self) -> Mapping[str, Any]:
        """Return what to change; null is nothing for what a market day can't be without."""
        optional = ("remind_at", "packing_at")
        return {name: value for name, value in self.given().items() if value is not None or name in optional}


class Cancellation(In):
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARACTERS)]


class OfferFields(Partial):
    available: Available | None = None
    max_per_store: MaxPerStore | None = None
    case_size: CaseSize | None = None
    cutoff_at: Moment | None = None


class OfferIn(OfferFields):
    """Price missing: suggested, else the last one; `case_size` missing: the product's; `available` null: no limit."""

    product_id: Id
    unit_price_cents: Price | None = None

    def offer(self) -> NewOffer:
        """Return the offer as the use case takes it."""
        values = dict(self.given("product_id"))
        if values.get("unit_price_cents", 0) is None:
            del values["unit_price_cents"]
        return NewOffer(self.product_id, values)


class OffersIn(In):
    offers: Annotated[list[OfferIn], Field(min_length=1, max_length=MAX_OFFERS_AT_ONCE)]


class OfferOrOffersIn(RootModel[OfferIn | OffersIn]):
    """One offer, or up to 500 of them."""


class OfferChange(OfferFields):
    """What is missing stays as it is."""

    unit_price_cents: Price | None = None
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARACTERS)] = ""

    def changes(self) -> Mapping[str, Any]:
        """Return what to change; a price can't be taken away."""
        given = self.given("reason")
        return {name: value for name, value in given.items() if value is not None or name != "unit_price_cents"}


class AcceptIn(In):
    """`offer_ids` missing: all offers of the market day."""

    offer_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_OFFERS_AT_ONCE)] | None = None
    fresh_only: bool = False


class CycleDetailOut(Out):
    """`packing_at` null: passed to packing by hand. `version` grows with every change and is the ETag."""

    id: str
    name: str
    state: Literal["scheduled", "open", "closed", "packing", "done", "cancelled"]
    opens_at: datetime
    cutoff_at: datetime
    delivery_on: date
    server_time: datetime
    version: int
    remind_at: datetime
    packing_at: datetime | None
    copied_from: str | None
    cancel_reason: str

    @classmethod
    def of(cls, cycle: Cycle, server_time: datetime) -> Self:
        """Show a market day with its plan."""
        return cls.model_validate(_cycle_fields(cycle, server_time))


class LeftOutOut(Out):
    name: str
    name_es: str


class CopiedCycleOut(CycleDetailOut):
    """`left_out`: products that are not sold any more, and therefore were not copied."""

    offers: int
    left_out: list[LeftOutOut]

    @classmethod
    def of_copy(cls, day: PlannedDay) -> Self:
        """Show a copy."""
        left_out = [LeftOutOut(name=one.name, name_es=one.name_es) for one in day.left_out]
        fields = _cycle_fields(day.cycle, day.server_time)
        return cls.model_validate({**fields, "offers": day.offers, "left_out": left_out})


def _cycle_fields(cycle: Cycle, server_time: datetime) -> dict[str, Any]:
    return {
        "id": cycle.id,
        "name": cycle.name,
        "state": cycle.state.value,
        "opens_at": cycle.opens_at,
        "cutoff_at": cycle.cutoff_at,
        "delivery_on": cycle.delivery_on,
        "server_time": server_time,
        "version": cycle.version,
        "remind_at": cycle.reminds_at,
        "packing_at": cycle.packing_at,
        "copied_from": cycle.copied_from,
        "cancel_reason": cycle.cancel_reason,
    }


class OfferPlanOut(Out):
    """An offer as staff planned it. `closed`: taken out by hand after it had been ordered."""

    id: str
    cycle_id: str
    product_id: str
    name: str
    name_es: str
    unit_price_cents: int
    available: int | None
    remaining: int | None
    ordered: int
    max_per_store: int | None
    case_size: int | None
    cutoff_at: datetime | None
    version: int
    closed: bool

    @classmethod
    def of(cls, offer: PlannedOffer) -> Self:
        """Show an offer that was just written."""
        terms = offer.terms
        return cls(
            id=offer.id,
            cycle_id=offer.cycle_id,
            product_id=offer.product_id,
            name=offer.name,
            name_es=offer.name_es,
            unit_price_cents=terms.unit_price_cents,
            available=terms.available,
            remaining=offer.remaining,
            ordered=offer.ordered,
            max_per_store=terms.max_per_store,
            case_size=terms.case_size,
            cutoff_at=terms.cutoff_at,
            version=offer.version,
            closed=offer.is_withdrawn,
        )


class OffersAddedOut(Out):
    items: list[OfferPlanOut]

    @classmethod
    def of(cls, added: AddedOffers) -> Self:
        """Show what was added, in the order it was asked for."""
        return cls(items=[OfferPlanOut.of(offer) for offer in added.offers])


class OfferOrOffersOut(RootModel[OfferPlanOut | OffersAddedOut]):
    """One for one, a list for a list."""


class AcceptedOut(Out):
    """`stale`: left alone, because only fresh quotes were wanted."""

    changed: int
    unchanged: int
    stale: int

    @classmethod
    def of(cls, accepted: Accepted) -> Self:
        """Show how many prices changed."""
        return cls.model_validate(accepted)


class ChangeOut(Out):
    field: str
    old: int | str | None
    new: int | str | None


class TrailEntryOut(Out):
    at: datetime
    action: str
    actor_name: str | None
    actor_role: Literal["buyer", "staff", "admin"] | None
    changes: list[ChangeOut]
    reason: str


class TrailPage(Out):
    items: list[TrailEntryOut]
    next: str | None

"""What is read of events about prices, of what the hub sells and of what stores order; see ``notify.readings``."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from notify.day_readings import MAX_LISTED
from notify.readings import MAX_LINES, MAX_QUANTITY, Id, Name, Reading

MAX_QUOTES = 500
"""In one event, as its schema has it; what it takes back counts by itself."""
MAX_PRICE_USD = Decimal(1_000_000)

Price = Annotated[Decimal, Field(ge=0, le=MAX_PRICE_USD, allow_inf_nan=False)]


class Reported(Reading):
    """The head of ``usda.price.recorded.v1``: all its quotes are of this day."""

    report_date: date


class Quote(Reading):
    """What a package of a series cost on a day."""

    series_id: UUID
    date: date
    reference: Price | None = None

    @property
    def cents(self) -> int | None:
        """Return the price, half up; None where the report gives none."""
        return None if self.reference is None else int((self.reference * 100).quantize(Decimal(1), ROUND_HALF_UP))


class Withdrawn(Reading):
    """A day of a series that has no quote any more."""

    series_id: UUID
    date: date


class RecordedPrices(Reported):
    """``usda.price.recorded.v1``; older publishers take nothing back."""

    quotes: Annotated[tuple[Quote, ...], Field(max_length=MAX_QUOTES)]
    withdrawn: Annotated[tuple[Withdrawn, ...], Field(max_length=MAX_QUOTES)] = ()


class MarketOffer(Reading):
    """An offer of an opening; only one with a series tells anything of the market."""

    offer_id: Id
    name: Name
    name_es: Name
    series_id: UUID | None = None
    market_pack: Name | None = None
    market_pack_es: Name | None = None  # absent where it reads the same


class MarketOffers(Reading):
    """``orders.cycle.opened.v1``; older publishers tell no offers."""

    price_list: Annotated[tuple[MarketOffer, ...], Field(max_length=MAX_LISTED)] = ()


class BoughtLine(Reading):
    """What was ordered of an offer."""

    offer_id: Id
    quantity: Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]


class BoughtLines(Reading):
    """``orders.order.placed.v1`` and ``orders.order.amended.v1``."""

    store_id: Id
    lines: Annotated[tuple[BoughtLine, ...], Field(max_length=MAX_LINES)]

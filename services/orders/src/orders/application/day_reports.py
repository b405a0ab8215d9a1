"""What mails tell of a whole market day: its price list when it opens, its sums when it closes.

Both are bounded, whatever the day holds: they travel in one event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_LISTED = 100
MAX_TOP = 10


@dataclass(frozen=True, slots=True)
class ListedOffer:
    """An offer as the price list tells it.

    `last_unit_price_cents` is of the market day before that had the product; `market_pack` is what the series is quoted
    in, as the reports write it, empty where that is not known.
    """

    offer_id: str
    name: str
    name_es: str
    pack: str
    unit_price_cents: int
    last_unit_price_cents: int | None
    series_id: str | None
    market_pack: str = ""


@dataclass(frozen=True, slots=True)
class PriceList:
    """The offers that stores order most, in the order of the shelves, and how many there are in all."""

    offers: Sequence[ListedOffer]
    total: int


@dataclass(frozen=True, slots=True)
class TopLine:
    """A product and how much of it all stores together ordered."""

    name: str
    name_es: str
    pack: str
    quantity: int
    shorted: int


@dataclass(frozen=True, slots=True)
class DaySums:
    """What came together until the cutoff."""

    orders: int
    stores_without_order: int
    units: int
    shorted: int
    total_cents: int
    products: int
    top: Sequence[TopLine]


class DayReports(Protocol):
    """Where they are counted."""

    def price_list(self, cycle_id: str, most: int) -> PriceList:
        """Return what stores ordered most on the days of the last four weeks, filled up from the shelves' beginning."""

    def sums(self, cycle_id: str, most: int) -> DaySums:
        """Return the sums of the live orders and the products of which the most was ordered."""

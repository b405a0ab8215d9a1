"""What the market prices page shows of our own: which products follow a series, and what they were offered at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from orders.application.product_queries import SeriesView
from orders.domain.cycle import CycleState
from orders.domain.people import Actor

MAX_PRODUCTS = 5
"""As many lines can be told apart in one chart; those on offer last come first."""
MAX_OFFERS = 200
"""Of each product; the latest."""


@dataclass(frozen=True, slots=True)
class SellingPrice:
    """What one of a product cost on a market day, in force from `since` to `until`: days of the market's calendar."""

    since: date
    until: date
    cycle_name: str
    unit_price_cents: int


@dataclass(frozen=True, slots=True)
class SoldProduct:
    """A product that follows the series, with its prices, the oldest first."""

    product_id: str
    name: str
    name_es: str
    pack: str
    units_per_package: Decimal
    prices: tuple[SellingPrice, ...]


@dataclass(frozen=True, slots=True)
class OfferedSeries:
    """A series that something on sale follows, for a start without a search."""

    series: SeriesView
    product_name: str
    product_name_es: str


class MarketPrices(Protocol):
    def known(self, series_id: str) -> SeriesView | None:
        """Return a series with the last quote that was heard of; None: nothing was heard of it yet."""

    def sold(self, actor: Actor, series_id: str) -> tuple[SoldProduct, ...]:
        """Return our prices of what follows the series; to buyers no day that is only planned."""

    def offered(self, limit: int) -> tuple[OfferedSeries, ...]:
        """Return the series of what is on offer now, by name."""


def is_seen_by(actor: Actor, state: CycleState) -> bool:
    """Tell whether prices of a market day in this state may be shown: nothing that was only planned, to buyers."""
    return state is not CycleState.CANCELLED and (actor.is_staff or state is not CycleState.SCHEDULED)


def states_seen_by(actor: Actor) -> Sequence[str]:
    """Return the states of market days whose prices this person may see."""
    return [state.value for state in CycleState if is_seen_by(actor, state)]

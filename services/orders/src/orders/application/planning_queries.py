"""What the pages of planning read: market days with what they hold, offers beside their suggestions, trails."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from orders.application.planning_ports import LeftOut
from orders.application.queries import Page, TimelineEntry
from orders.domain.cycle import Cycle
from orders.domain.people import Actor


@dataclass(frozen=True, slots=True)
class DayView:
    """A market day, how much it offers, and the live orders that it has."""

    cycle: Cycle
    server_time: datetime
    offers: int
    orders: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class DayList:
    """`ahead`: open ones and those to come, the next step first; `past`: all others, latest cutoff first."""

    ahead: tuple[DayView, ...]
    past: Page[DayView]


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """A suggested price and the quote behind it; `age_days` counts to the market's day."""

    unit_price_cents: int
    market: str
    report_id: str
    quoted_on: date
    age_days: int
    stale: bool


@dataclass(frozen=True, slots=True)
class OfferPlanView:
    """An offer as staff see it. `suggestion` None: the product has no series, or nothing was reported of it."""

    id: str
    cycle_id: str
    product_id: str
    name: str
    name_es: str
    category: str
    pack: str
    series_id: str | None
    unit_price_cents: int
    available: int | None
    remaining: int | None
    ordered: int
    max_per_store: int | None
    case_size: int | None
    cutoff_at: datetime | None
    version: int
    is_withdrawn: bool
    suggestion: SuggestionView | None


@dataclass(frozen=True, slots=True)
class ProductPlanView:
    """An active product that a market day does not offer yet."""

    id: str
    name: str
    name_es: str
    category: str
    pack: str
    suggestion: SuggestionView | None
    last_price_cents: int | None


@dataclass(frozen=True, slots=True)
class ProductName:
    """A product in both languages."""

    name: str
    name_es: str


@dataclass(frozen=True, slots=True)
class Acceptable:
    """How many offers have another price than the suggested one: from fresh quotes, and from stale ones."""

    fresh: int
    stale: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A category and how much of it there is."""

    category: str
    number: int


class PlanningQueries(Protocol):
    """Reads for staff. A missing thing raises `NotFound`, a buyer `Forbidden`."""

    def days(self, actor: Actor, *, limit: int, cursor: str | None) -> DayList: ...

    def day(self, actor: Actor, cycle_id: str) -> DayView: ...

    def last_day(self, actor: Actor) -> DayView | None:
        """Return the market day that opened last, was not cancelled and has offers: the one to copy."""

    def offers(
        self, actor: Actor, cycle_id: str, *, limit: int, cursor: str | None, category: str | None, text: str | None
    ) -> Page[OfferPlanView]:
        """Page through a market day's offers by category and name."""

    def offer(self, actor: Actor, offer_id: str) -> OfferPlanView: ...

    def offer_or_none(self, actor: Actor, offer_id: str) -> OfferPlanView | None: ...

    def named(self, actor: Actor, offer_id: str) -> ProductName | None:
        """Return the product of an offer, also of one that was taken out."""

    def trail(self, actor: Actor, offer_id: str, *, limit: int, cursor: str | None) -> Page[TimelineEntry]:
        """Page through what happened to an offer, newest first; also of one that was taken out."""

    def categories(self, actor: Actor, cycle_id: str) -> tuple[Counted, ...]: ...

    def acceptable(self, actor: Actor, cycle_id: str) -> Acceptable: ...

    def left_out(self, actor: Actor, cycle_id: str) -> tuple[LeftOut, ...]:
        """Return what the market day it was copied from offers and is not sold any more."""

    def products(
        self, actor: Actor, cycle_id: str, *, limit: int, category: str | None, text: str | None
    ) -> tuple[ProductPlanView, ...]:
        """Return active products that are not offered yet, by category and name."""

    def product_categories(self, actor: Actor, cycle_id: str) -> tuple[Counted, ...]:
        """Count, by category, the products that are not offered yet."""

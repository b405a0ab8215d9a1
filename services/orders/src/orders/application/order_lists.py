"""Lists of orders as people look for them: by store, market day, state, number; newest first."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from orders.application.queries import OrderSummary, Page
from orders.domain.order import OrderState
from orders.domain.people import Actor


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """What to look for. `words` are parts of the store's name, in lower case and without accents."""

    cycle_id: str | None = None
    store_id: str | None = None
    state: OrderState | None = None
    number: int | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MarketDay:
    id: str
    name: str
    delivery_on: date


@dataclass(frozen=True, slots=True)
class OrderBefore:
    """A store's newest order that was not cancelled; `editable` while it can still be changed."""

    id: str
    number: int
    state: OrderState
    delivery_on: date
    total_cents: int
    editable: bool


class OrderLists(Protocol):
    def page(self, actor: Actor, search: OrderSearch, *, limit: int, cursor: str | None) -> Page[OrderSummary]:
        """Page through the orders the actor may see."""

    def market_days(self, actor: Actor, *, limit: int) -> tuple[MarketDay, ...]:
        """List the newest market days that the actor may see orders of."""

    def newest(self, store_id: str) -> OrderBefore | None: ...

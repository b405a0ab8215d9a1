"""Comments between a store and the staff, on one of its orders: what is kept and what is read of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orders.domain.people import Actor, Role

MAX_CHARACTERS = 2_000
MAX_PER_ORDER = 100
MAX_PER_HOUR = 20
"""How many one person may write in an hour, over all orders."""


@dataclass(frozen=True, slots=True)
class CommentView:
    """`author` is the writer's name as it is now, `role` what the writer was then."""

    id: str
    order_id: str
    author: str
    role: Role
    text: str
    at: datetime

    @property
    def is_of_staff(self) -> bool:
        return self.role is not Role.BUYER


@dataclass(frozen=True, slots=True)
class CommentedOrder:
    """What somebody who comments on an order needs of it."""

    id: str
    number: int
    store_id: str
    store_name: str


@dataclass(frozen=True, slots=True)
class UnansweredView:
    """An order whose last word is the store's."""

    order_id: str
    order_number: int
    store_name: str
    author: str
    text: str
    at: datetime


class CommentBook(Protocol):
    """Writing."""

    def order(self, order_id: str) -> CommentedOrder | None: ...

    def counts(self, order_id: str, person_id: str) -> tuple[int, int]:
        """Count the order's comments and the person's of the last hour, both locked against others who count."""

    def add(self, comment_id: str, order_id: str, actor: Actor, text: str) -> CommentView: ...


class CommentReads(Protocol):
    """Reading. What the actor may not see is not found."""

    def of_order(self, actor: Actor, order_id: str) -> tuple[CommentView, ...]:
        """Return all comments of an order (there are at most `MAX_PER_ORDER`), oldest first."""

    def unanswered(self, actor: Actor) -> tuple[UnansweredView, ...]:
        """Return the orders that wait for an answer of the staff, longest first; `Forbidden` for buyers."""

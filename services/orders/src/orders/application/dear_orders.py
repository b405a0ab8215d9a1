"""What is asked of orders when prices rise."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from orders.domain.people import Actor


class DearOrders(Protocol):
    def above(self, prices: Mapping[str, int], after: str | None, limit: int) -> Sequence[str]:
        """Return, by id, the next placed orders with a line whose limit is below the price of its offer."""

    def last_hand(self, order_id: str) -> Actor:
        """Return who last placed or changed the order."""

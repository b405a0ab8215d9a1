"""Which orders have lines above their price limit, and who had them in hand."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from orders.domain.people import Actor, Role

_ABOVE = text(
    "SELECT DISTINCT o.id FROM unnest(CAST(:ids AS uuid[]), CAST(:prices AS integer[])) AS now (offer_id, price)"
    " JOIN order_lines l ON l.offer_id = now.offer_id AND l.quantity > 0 AND l.max_unit_price_cents < now.price"
    " JOIN orders o ON o.id = l.order_id AND o.state = 'placed'"
    " WHERE CAST(:after AS uuid) IS NULL OR o.id > CAST(:after AS uuid) ORDER BY o.id LIMIT :limit"
)
_LAST_HAND = text(
    "SELECT person_id, role FROM audit WHERE entity = 'order' AND entity_id = CAST(:id AS uuid)"
    " AND person_id IS NOT NULL ORDER BY id DESC LIMIT 1"
)


class SqlDearOrders:
    """`DearOrders` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def above(self, prices: Mapping[str, int], after: str | None, limit: int) -> Sequence[str]:
        """Return the next orders to look at; see the port."""
        values = {"ids": list(prices), "prices": list(prices.values()), "after": after, "limit": limit}
        return [str(row.id) for row in self._connection.execute(_ABOVE, values)]

    def last_hand(self, order_id: str) -> Actor:
        """Return who last placed or changed the order."""
        row = self._connection.execute(_LAST_HAND, {"id": order_id}).one()
        return Actor(str(row.person_id), Role(row.role), frozenset())

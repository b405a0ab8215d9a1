"""Comments: written in a transaction, read on a connection of their own."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, TextClause, text

from orders.adapters.availability import lent
from orders.application.comment_book import MAX_PER_ORDER, CommentedOrder, CommentView, UnansweredView
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor, Role

T = TypeVar("T")
WAITING_DAYS = 14
MAX_WAITING = 50
_ORDER = text(
    "SELECT o.id, o.number, o.store_id, s.name AS store_name FROM orders o JOIN stores s ON s.id = o.store_id"
    " WHERE o.id = CAST(:id AS uuid)"
)
# Both rows are held, always in this order, so that two requests can't both take the last place.
_HOLD_PERSON = text("SELECT 1 FROM people WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_HOLD_ORDER = text("SELECT 1 FROM orders WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_COUNTS = text(
    "SELECT (SELECT count(*) FROM comments WHERE order_id = CAST(:order_id AS uuid)) AS of_order,"
    " (SELECT count(*) FROM comments WHERE person_id = CAST(:person_id AS uuid)"
    " AND created_at > clock_timestamp() - interval '1 hour') AS of_hour"
)
_COMMENT = "c.id, c.order_id, p.name AS author, c.role, c.text, c.created_at AS at"
_ADD = text(
    "WITH c AS (INSERT INTO comments (id, order_id, person_id, role, text) VALUES (CAST(:id AS uuid),"
    " CAST(:order_id AS uuid), CAST(:person_id AS uuid), :role, :text) RETURNING *)"
    f" SELECT {_COMMENT} FROM c JOIN people p ON p.id = c.person_id"
)
_OF_ORDER = text(
    f"SELECT {_COMMENT} FROM comments c JOIN people p ON p.id = c.person_id WHERE c.order_id = CAST(:order_id AS uuid)"
    " ORDER BY c.created_at, c.id LIMIT :limit"
)
_UNANSWERED = text(
    "SELECT * FROM (SELECT DISTINCT ON (c.order_id) c.order_id, o.number AS order_number, s.name AS store_name,"
    " p.name AS author, c.role, c.text, c.created_at AS at FROM comments c JOIN orders o ON o.id = c.order_id"
    " JOIN stores s ON s.id = o.store_id JOIN people p ON p.id = c.person_id"
    " WHERE c.created_at > clock_timestamp() - make_interval(days => :days)"
    " ORDER BY c.order_id, c.created_at DESC, c.id DESC) AS last WHERE role = 'buyer'"
    " ORDER BY at, order_id LIMIT :limit"
)


class SqlComments:
    """`CommentBook` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def order(self, order_id: str) -> CommentedOrder | None:
        """Return what a comment's event says of the order."""
        row = self._connection.execute(_ORDER, {"id": order_id}).one_or_none()
        return None if row is None else CommentedOrder(str(row.id), row.number, str(row.store_id), row.store_name)

    def counts(self, order_id: str, person_id: str) -> tuple[int, int]:
        """Count under locks; see the port."""
        self._connection.execute(_HOLD_PERSON, {"id": person_id})
        self._connection.execute(_HOLD_ORDER, {"id": order_id})
        row = self._connection.execute(_COUNTS, {"order_id": order_id, "person_id": person_id}).one()
        return row.of_order, row.of_hour

    def add(self, comment_id: str, order_id: str, actor: Actor, text: str) -> CommentView:
        """Write a comment."""
        values = {
            "id": comment_id,
            "order_id": order_id,
            "person_id": actor.person_id,
            "role": actor.role.value,
            "text": text,
        }
        return _comment(self._connection.execute(_ADD, values).one())


class SqlCommentReads:
    """`CommentReads` on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_order(self, actor: Actor, order_id: str) -> tuple[CommentView, ...]:
        """Return an order's comments; see the port."""
        with lent(self._engine) as connection:
            order = connection.execute(_ORDER, {"id": order_id}).one_or_none() if is_id(order_id) else None
            if order is None:
                raise NotFound("no such order")
            actor.require_sight_of(str(order.store_id))
            return _all(connection, _OF_ORDER, {"order_id": order_id, "limit": MAX_PER_ORDER}, _comment)

    def unanswered(self, actor: Actor) -> tuple[UnansweredView, ...]:
        """Return the orders that wait for the staff; see the port."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return _all(connection, _UNANSWERED, {"days": WAITING_DAYS, "limit": MAX_WAITING}, _waiting)


def _all(
    connection: Connection, statement: TextClause, values: dict[str, Any], read: Callable[[Row[Any]], T]
) -> tuple[T, ...]:
    return tuple(read(row) for row in connection.execute(statement, values))


def _comment(row: Row[Any]) -> CommentView:
    return CommentView(str(row.id), str(row.order_id), row.author, Role(row.role), row.text, row.at)


def _waiting(row: Row[Any]) -> UnansweredView:
    return UnansweredView(str(row.order_id), row.order_number, row.store_name, row.author, row.text, row.at)

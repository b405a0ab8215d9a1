"""`DirectoryReads` on PostgreSQL: two statements a list, however long it is."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, Row, TextClause

from orders.adapters import cursors
from orders.adapters import directory_rows as rows
from orders.adapters import directory_sql as sql
from orders.adapters.availability import lent
from orders.application.directory_views import (
    Entry,
    Listed,
    PeopleFilter,
    PersonCard,
    PersonName,
    StoreCard,
    StoreFilter,
    StoreName,
)
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor

MAX_HISTORY = 50
_Place = Sequence[str | int | bool]

T = TypeVar("T")


class SqlDirectoryReads:
    """`DirectoryReads` on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stores(
        self, actor: Actor, wanted: StoreFilter, *, limit: int, cursor: str | None = None, skip: int = 0
    ) -> Listed[StoreCard]:
        """List stores; see the port."""
        actor.require_staff()
        by_route = wanted.order == "route"
        values = {"wanted": wanted.text, "route": wanted.route, "active": wanted.active, "limit": limit + 1}
        place = _after_route(cursor) if by_route else _after_name(cursor)
        statement = sql.STORES_BY_ROUTE if by_route else sql.STORES_BY_NAME
        with lent(self._engine) as connection:
            found = connection.execute(statement, {**values, **place, "skip": skip}).all()
            total = connection.execute(sql.STORE_COUNT, values).scalar_one()
        position = _route_place if by_route else _name_place
        return _listed(found, total, limit, rows.store_card, position)

    def store(self, actor: Actor, store_id: str) -> StoreCard:
        """Return one store with its people."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return rows.store_card(_one(connection, sql.STORE, store_id, "store"))

    def routes(self, actor: Actor) -> tuple[str, ...]:
        """Return the routes of active stores."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return tuple(connection.scalars(sql.ROUTES))

    def store_names(self, actor: Actor) -> tuple[StoreName, ...]:
        """Return active stores by name."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return tuple(map(rows.store_name, connection.execute(sql.STORE_NAMES)))

    def people(
        self, actor: Actor, wanted: PeopleFilter, *, limit: int, cursor: str | None = None, skip: int = 0
    ) -> Listed[PersonCard]:
        """List people; see the port."""
        actor.require_staff()
        values = {
            "wanted": wanted.text,
            "store_id": wanted.store_id,
            "role": wanted.role.value if wanted.role else None,
            "state": wanted.state.value if wanted.state else None,
        }
        with lent(self._engine) as connection:
            piece = {**values, **_after_name(cursor), "limit": limit + 1, "skip": skip}
            found = connection.execute(sql.PEOPLE, piece).all()
            total = connection.execute(sql.PEOPLE_COUNT, values).scalar_one()
        return _listed(found, total, limit, rows.person_card, _name_place)

    def person(self, actor: Actor, person_id: str) -> PersonCard:
        """Return one person with the stores."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return rows.person_card(_one(connection, sql.PERSON, person_id, "person"))

    def people_names(self, actor: Actor, *, limit: int) -> tuple[PersonName, ...]:
        """Return active people by name."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return tuple(map(rows.person_name, connection.execute(sql.PEOPLE_NAMES, {"limit": limit})))

    def people_found(self, actor: Actor, text: str) -> tuple[PersonName, ...]:
        """Return the active people with this address or name; see the port."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return tuple(map(rows.person_name, connection.execute(sql.PEOPLE_FOUND, {"wanted": text})))

    def history(self, actor: Actor, entity: Literal["store", "person"], entity_id: str) -> tuple[Entry, ...]:
        """Return the trail, newest first."""
        actor.require_staff()
        values = {"entity": entity, "id": entity_id, "limit": MAX_HISTORY}
        with lent(self._engine) as connection:
            return tuple(map(rows.entry, connection.execute(sql.HISTORY, values)))


def _one(connection: Connection, statement: TextClause, id_: str, what: str) -> Row[Any]:
    row = connection.execute(statement, {"id": id_}).one_or_none() if is_id(id_) else None
    if row is None:
        raise NotFound(f"no such {what}")
    return row


def _listed(
    found: Sequence[Row[Any]],
    total: int,
    limit: int,
    read: Callable[[Row[Any]], T],
    place: Callable[[Row[Any]], _Place],
) -> Listed[T]:
    """Cut off the row that was read to see whether there is more."""
    more = cursors.write_cursor(place(found[limit - 1])) if len(found) > limit else None
    return Listed(tuple(map(read, found[:limit])), total, more)


def _route_place(row: Row[Any]) -> _Place:
    return [row.unrouted, row.route_place, row.stop, row.name_place, str(row.id)]


def _name_place(row: Row[Any]) -> _Place:
    return [row.name_place, str(row.id)]


def _after_route(cursor: str | None) -> dict[str, Any]:
    names = ("after_unrouted", "after_route", "after_stop", "after_name", "after_id")
    kinds = (cursors.as_truth, cursors.as_text, cursors.as_number, cursors.as_text, cursors.as_uuid)
    return dict(zip(names, cursors.read_cursor(cursor, *kinds) or (None,) * len(names), strict=True))


def _after_name(cursor: str | None) -> dict[str, Any]:
    names = ("after_name", "after_id")
    place = cursors.read_cursor(cursor, cursors.as_text, cursors.as_uuid)
    return dict(zip(names, place or (None, None), strict=True))

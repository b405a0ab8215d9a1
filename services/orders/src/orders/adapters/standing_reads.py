"""`StandingReads` on PostgreSQL."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Engine, text

from orders.adapters.availability import lent
from orders.adapters.standing_rows import LINES, PRODUCT, STANDING, product, run, standing_order
from orders.application.standing_orders import (
    MAX_FOUND,
    MAX_RUNS_SHOWN,
    MAX_SEARCH_CHARACTERS,
    ProductView,
    RunView,
    StandingOrder,
)
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor

_STORE = text("SELECT 1 FROM stores WHERE id = CAST(:store_id AS uuid)")
_OF_STORE = text(f"{STANDING} WHERE s.store_id = CAST(:store_id AS uuid)")
_LINES = text(LINES)
_RUNS = text(
    "SELECT r.cycle_id, c.name AS cycle_name, c.delivery_on, r.outcome, r.order_id, o.number AS order_number, r.drops,"
    " r.at FROM standing_order_runs r JOIN cycles c ON c.id = r.cycle_id LEFT JOIN orders o ON o.id = r.order_id"
    " WHERE r.store_id = CAST(:store_id AS uuid) ORDER BY r.at DESC, r.cycle_id LIMIT :limit"
)
# Whoever types on a phone leaves the accents out.
_PLAIN = "translate(lower({}), 'áéíóúüñ', 'aeiouun')"
_ALL_NAMES = _PLAIN.format("p.name || ' ' || p.name_es || ' ' || p.pack")
_FOUND = text(
    f"SELECT {PRODUCT} FROM products p WHERE p.active AND NOT EXISTS (SELECT 1 FROM unnest(CAST(:words AS text[])) AS w"
    f" WHERE position({_PLAIN.format('w')} IN {_ALL_NAMES}) = 0)"
    " ORDER BY p.name, p.id LIMIT :limit"
)
_NAMED = text(f"SELECT {PRODUCT} FROM products p WHERE p.id = ANY(CAST(:ids AS uuid[]))")


class SqlStandingReads:
    """`StandingReads` on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_store(self, actor: Actor, store_id: str) -> StandingOrder | None:
        """Return the store's standing order."""
        _require_sight(actor, store_id)
        with lent(self._engine) as connection:
            if connection.scalar(_STORE, {"store_id": store_id}) is None:
                raise NotFound("no such store")
            row = connection.execute(_OF_STORE, {"store_id": store_id}).one_or_none()
            return None if row is None else standing_order(row, connection.execute(_LINES, {"id": row.id}))

    def runs(self, actor: Actor, store_id: str) -> tuple[RunView, ...]:
        """Return what became of it lately."""
        _require_sight(actor, store_id)
        with lent(self._engine) as connection:
            return tuple(map(run, connection.execute(_RUNS, {"store_id": store_id, "limit": MAX_RUNS_SHOWN})))

    def products(self, words: str) -> tuple[ProductView, ...]:
        """Find products; see the port. What can't be typed finds nothing."""
        wanted = words.replace("\x00", "")[:MAX_SEARCH_CHARACTERS].split()
        with lent(self._engine) as connection:
            return tuple(map(product, connection.execute(_FOUND, {"words": wanted, "limit": MAX_FOUND})))

    def products_named(self, product_ids: Iterable[str]) -> Mapping[str, ProductView]:
        """Return products by id; unknown ones are missing."""
        known = [one for one in product_ids if is_id(one)]
        with lent(self._engine) as connection:
            return {found.id: found for found in map(product, connection.execute(_NAMED, {"ids": known}))}


def _require_sight(actor: Actor, store_id: str) -> None:
    if not is_id(store_id) or not actor.may_act_for(store_id):
        raise NotFound("no such store")

"""`PlannedOffers` on PostgreSQL: each a statement for many offers, so that 3,000 of them are a matter of seconds."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Row

from orders.adapters import planning_sql as sql
from orders.application.planning_ports import LeftOut, OfferAudit, ProductToOffer, Suggestion
from orders.domain.offer import MAX_OFFERS_AT_ONCE, PlannedOffer, Terms
from orders.domain.people import Actor
from orders.domain.pricing import suggested_price_cents


class SqlPlannedOffers:
    """`PlannedOffers` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def products(self, product_ids: Collection[str]) -> Mapping[str, ProductToOffer]:
        """Return active products; see the port."""
        found = self._connection.execute(sql.PRODUCTS, {"ids": list(product_ids)})
        return {str(row.id): _product(row) for row in found}

    def products_of(self, category: str, cycle_id: str) -> Sequence[str]:
        """Return what a category has to add, at most as many as may be added at once."""
        values = {"category": category, "cycle_id": cycle_id, "limit": MAX_OFFERS_AT_ONCE}
        return [str(row.id) for row in self._connection.execute(sql.PRODUCTS_OF, values)]

    def count(self, cycle_id: str) -> int:
        """Count the offers of a market day."""
        return cast("int", self._connection.execute(sql.COUNT, {"cycle_id": cycle_id}).scalar_one())

    def add(self, cycle_id: str, offers: Sequence[tuple[str, str, Terms]]) -> frozenset[str]:
        """Add offers; see the port."""
        terms = [each for _, _, each in offers]
        values = {
            "cycle_id": cycle_id,
            "ids": [offer_id for offer_id, _, _ in offers],
            "products": [product_id for _, product_id, _ in offers],
            **_columns(terms),
        }
        return frozenset(str(row.id) for row in self._connection.execute(sql.ADD, values))

    def lock(self, cycle_id: str, offer_ids: Collection[str], *, counting: bool = True) -> Sequence[PlannedOffer]:
        """Lock offers in id order; see the port."""
        values = {"cycle_id": cycle_id, "ids": list(offer_ids)}
        rows = self._connection.execute(sql.LOCK, values).all()
        unlimited = [str(row.id) for row in rows if row.available is None]
        ordered: dict[str, int] = {}
        if counting and unlimited:
            # A statement of its own, after the locks: it sees every order that was committed before them.
            counted = self._connection.execute(sql.ORDERED, {"ids": unlimited})
            ordered = {str(row.offer_id): int(row.ordered) for row in counted}
        return [_offer(row, ordered.get(str(row.id), 0)) for row in rows]

    def change(self, offers: Sequence[PlannedOffer]) -> None:
        """Write locked offers; see the port."""
        values = {
            "ids": [offer.id for offer in offers],
            "remaining": [offer.remaining for offer in offers],
            "versions": [offer.version for offer in offers],
            "withdrawn": [offer.is_withdrawn for offer in offers],
            **_columns([offer.terms for offer in offers]),
        }
        self._connection.execute(sql.CHANGE, values)

    def was_ordered(self, offer_id: str) -> bool:
        """Tell whether any order has a line of it."""
        return bool(self._connection.scalar(sql.WAS_ORDERED, {"id": offer_id}))

    def remove(self, offer_id: str) -> None:
        """Delete an offer that nobody ever ordered."""
        self._connection.execute(sql.REMOVE, {"id": offer_id})

    def copy(self, from_cycle: str, to_cycle: str) -> Sequence[tuple[str, Terms]]:
        """Copy offers; see the port."""
        rows = self._connection.execute(sql.COPY, {"from_cycle": from_cycle, "to_cycle": to_cycle})
        return [(str(row.id), _terms(row)) for row in rows]

    def left_out(self, from_cycle: str) -> Sequence[LeftOut]:
        """Return what a copy leaves out."""
        rows = self._connection.execute(sql.LEFT_OUT, {"cycle_id": from_cycle})
        return [LeftOut(row.name, row.name_es) for row in rows]

    def shut_before(self, cycle_id: str, by: timedelta, opens_at: datetime) -> Sequence[str]:
        """Return what would close before it opens; see the port."""
        rows = self._connection.execute(sql.SHUT_BEFORE, {"cycle_id": cycle_id, "by": by, "opens_at": opens_at})
        return [row.name for row in rows]

    def move_cutoffs(
        self, cycle_id: str, by: timedelta, opens_at: datetime
    ) -> Sequence[tuple[str, datetime, datetime]]:
        """Move the offers' own cutoffs; see the port."""
        rows = self._connection.execute(sql.MOVE_CUTOFFS, {"cycle_id": cycle_id, "by": by, "opens_at": opens_at})
        return [(str(row.id), row.old, row.new) for row in rows]

    def suggestions(
        self, cycle_id: str, offer_ids: Collection[str] | None, *, after: str | None, limit: int
    ) -> Sequence[tuple[str, Suggestion]]:
        """Return offers with their suggested prices; see the port."""
        wanted = None if offer_ids is None else list(offer_ids)
        values = {"cycle_id": cycle_id, "ids": wanted, "after": after, "limit": limit}
        rows = self._connection.execute(sql.SUGGESTIONS, values)
        return [(str(row.id), suggestion) for row in rows if (suggestion := suggestion_of(row))]

    def audit(self, actor: Actor | None, entries: Sequence[OfferAudit]) -> None:
        """Write lines of the trail in one statement."""
        if not entries:
            return
        values = {
            "person_id": actor.person_id if actor else None,
            "role": actor.role.value if actor else None,
            "ids": [entry.offer_id for entry in entries],
            "actions": [entry.action for entry in entries],
            "changes": [json.dumps(list(entry.changes)) for entry in entries],
            "reasons": [entry.reason for entry in entries],
        }
        self._connection.execute(sql.AUDIT, values)


def suggestion_of(row: Row[Any]) -> Suggestion | None:
    """Work out the suggested price of a product; None when its series has no quote."""
    if row.reference is None:
        return None
    price = suggested_price_cents(
        row.reference,
        units_per_package=row.units_per_package,
        yield_share=row.yield_share,
        markup=row.markup,
        floor_cents=row.floor_cents,
        ceiling_cents=row.ceiling_cents,
    )
    return Suggestion(price, row.market, row.report_id, row.quoted_on)


def _product(row: Row[Any]) -> ProductToOffer:
    return ProductToOffer(str(row.id), row.name, row.name_es, row.case_size, suggestion_of(row), row.last_price_cents)


def _offer(row: Row[Any], counted: int) -> PlannedOffer:
    return PlannedOffer(
        id=str(row.id),
        cycle_id=str(row.cycle_id),
        product_id=str(row.product_id),
        version=row.version,
        name=row.name,
        name_es=row.name_es,
        terms=_terms(row),
        ordered=counted if row.available is None else row.available - row.remaining,
        is_withdrawn=row.withdrawn_at is not None,
    )


def _terms(row: Row[Any]) -> Terms:
    return Terms(row.unit_price_cents, row.available, row.max_per_store, row.case_size, row.cutoff_at)


def _columns(terms: Sequence[Terms]) -> dict[str, list[Any]]:
    return {
        "prices": [each.unit_price_cents for each in terms],
        "available": [each.available for each in terms],
        "most": [each.max_per_store for each in terms],
        "case_sizes": [each.case_size for each in terms],
        "cutoffs": [each.cutoff_at for each in terms],
    }

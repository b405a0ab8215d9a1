"""Rows into standing orders, for those who write them and those who read them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row

from orders.application.standing_orders import (
    Drop,
    DropReason,
    Outcome,
    ProductView,
    RunView,
    StandingLineView,
    StandingOrder,
)

STANDING = "SELECT s.id, s.store_id, s.active, s.note, s.version, s.saved_by, s.updated_at FROM standing_orders s"
PRODUCT = "p.id, p.name, p.name_es, p.category, p.pack"
LINES = (
    f"SELECT {PRODUCT}, p.active, l.quantity, l.max_unit_price_cents FROM standing_order_lines l"
    " JOIN products p ON p.id = l.product_id WHERE l.standing_order_id = CAST(:id AS uuid) ORDER BY l.position"
)


def standing_order(row: Row[Any], lines: Iterable[Row[Any]]) -> StandingOrder:
    return StandingOrder(
        id=str(row.id),
        store_id=str(row.store_id),
        active=row.active,
        note=row.note,
        version=row.version,
        saved_by=str(row.saved_by),
        updated_at=row.updated_at,
        lines=tuple(
            StandingLineView(product(line), line.active, line.quantity, line.max_unit_price_cents) for line in lines
        ),
    )


def product(row: Row[Any]) -> ProductView:
    return ProductView(str(row.id), row.name, row.name_es, row.category, row.pack)


def run(row: Row[Any]) -> RunView:
    return RunView(
        cycle_id=str(row.cycle_id),
        cycle_name=row.cycle_name,
        delivery_on=row.delivery_on,
        outcome=Outcome(row.outcome),
        order_id=None if row.order_id is None else str(row.order_id),
        order_number=row.order_number,
        drops=tuple(_drop(stored) for stored in row.drops),
        at=row.at,
    )


def _drop(stored: Mapping[str, Any]) -> Drop:
    return Drop(**{**stored, "reason": DropReason(stored["reason"])})

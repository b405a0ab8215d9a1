"""An order that was just written: how it is shown, how it differs from what it was, and who is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orders.application import facts
from orders.application.ports import AuditEntry, UnitOfWork
from orders.application.queries import LineView, OrderView
from orders.application.stock import StockMove
from orders.domain.cycle import Cycle
from orders.domain.order import Order, OrderLine, OrderState
from orders.domain.people import Actor

CANCELLATION: Mapping[str, object] = {
    "field": "state",
    "old": OrderState.PLACED.value,
    "new": OrderState.CANCELLED.value,
}


@dataclass(frozen=True, slots=True)
class Written:
    """What was done to an order: `action` is placed, amended or cancelled."""

    action: str
    order: Order
    cycle: Cycle
    actor: Actor
    changes: Sequence[Mapping[str, object]]
    reason: str = ""


def record(work: UnitOfWork, written: Written, stock: StockMove) -> None:
    """Write the audit trail of order and stock, and publish both."""
    record_order(work, written)
    record_stock(work, written.cycle, written.actor, stock, f"order {written.order.number} {written.action}")


def record_order(work: UnitOfWork, written: Written) -> None:
    """Write the audit trail of the order alone, and publish it."""
    order = written.order
    work.audit(AuditEntry("order", order.id, written.action, written.actor, written.changes, written.reason))
    work.publish(
        facts.order_fact(
            written.action, order, written.cycle, actor=written.actor, changes=written.changes, reason=written.reason
        )
    )


def record_stock(work: UnitOfWork, cycle: Cycle, actor: Actor | None, stock: StockMove, why: str) -> None:
    """Write the audit trail of moved stock, and publish how the offers stand."""
    for was, now in stock.moved:
        figures = (("available", was.available, now.available), ("remaining", was.remaining, now.remaining))
        moved = [{"field": name, "old": old, "new": new} for name, old, new in figures if old != new]
        work.audit(AuditEntry("offer", now.id, "stock", actor, moved, why))
    for fact in facts.offers_changed(cycle.id, stock.changed(work)):
        work.publish(fact)


def view(order: Order, cycle: Cycle) -> OrderView:
    """Show an order that was just written; its cycle is known to be open then."""
    return OrderView(
        id=order.id,
        number=order.number,
        state=order.state,
        version=order.version,
        cycle_id=cycle.id,
        cycle_name=cycle.name,
        delivery_on=cycle.delivery_on,
        cutoff_at=cycle.cutoff_at,
        store_id=order.store_id,
        store_name=order.store_name,
        lines=tuple(
            LineView(
                offer_id=line.offer_id,
                name=line.name,
                name_es=line.name_es,
                pack=line.pack,
                quantity=line.quantity,
                unit_price_cents=line.unit_price_cents,
                total_cents=line.total_cents,
                shorted=line.shorted,
                max_unit_price_cents=line.max_unit_price_cents,
            )
            for line in order.lines
        ),
        total_cents=order.total_cents,
        note=order.note,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        editable_until=cycle.cutoff_at if order.state is OrderState.PLACED else None,
    )


def line_changes(before: tuple[OrderLine, ...], after: tuple[OrderLine, ...]) -> list[dict[str, object]]:
    """List what differs, in the form of the audit trail (`queries.Change`)."""
    old, new = ({line.offer_id: line for line in lines} for lines in (before, after))
    changes: list[dict[str, object]] = []
    for offer_id in [*new, *(offer_id for offer_id in old if offer_id not in new)]:
        was, now = old.get(offer_id), new.get(offer_id)
        named = now or was
        subject = {"offer_id": offer_id, "name": named.name, "name_es": named.name_es} if named else {}
        for field in ("quantity", "unit_price_cents", "shorted", "max_unit_price_cents"):
            old_value, new_value = getattr(was, field, None), getattr(now, field, None)
            told = field == "quantity" or (was is not None and now is not None) or (field == "shorted" and new_value)
            if told and old_value != new_value:
                changes.append({"field": field, "old": old_value, "new": new_value, **subject})
    return changes


def note_change(old: str, new: str) -> list[dict[str, object]]:
    """List the change of a note, if it is one."""
    return [] if old == new else [{"field": "note", "old": old, "new": new}]

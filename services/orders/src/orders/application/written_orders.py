"""An order that was just written: how it is shown, and how it differs from what it was."""

from orders.application.queries import LineView, OrderView
from orders.domain.cycle import Cycle
from orders.domain.order import Order, OrderLine, OrderState


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
        for field in ("quantity", "unit_price_cents", "shorted"):
            old_value, new_value = getattr(was, field, None), getattr(now, field, None)
            told = field == "quantity" or (was is not None and now is not None) or (field == "shorted" and new_value)
            if told and old_value != new_value:
                changes.append({"field": field, "old": old_value, "new": new_value, **subject})
    return changes


def note_change(old: str, new: str) -> list[dict[str, object]]:
    """List the change of a note, if it is one."""
    return [] if old == new else [{"field": "note", "old": old, "new": new}]

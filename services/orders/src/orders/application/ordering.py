"""Placing, amending and cancelling an order: each one transaction, all or nothing, at most once per key."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

from orders.application import facts
from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder, RequestKey
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.application.queries import OrderView
from orders.application.written_orders import line_changes, note_change, view
from orders.domain import errors
from orders.domain.cycle import Cycle
from orders.domain.order import (
    LockedOffer,
    Order,
    OrderLine,
    OrderState,
    agree_lines,
    check_requests,
    is_id,
    stock_deltas,
)
from orders.domain.people import Actor

Render = Callable[[OrderView], Answer]


class Ordering(Protocol):
    """The use cases as entry points call them; `render` turns the order into the answer to give and to keep."""

    def place(self, command: PlaceOrder, render: Render, once: RequestKey | None = None) -> Answer: ...

    def amend(self, command: AmendOrder, render: Render, once: RequestKey | None = None) -> Answer: ...

    def cancel(self, command: CancelOrder, render: Render, once: RequestKey | None = None) -> Answer: ...


class OrderDesk:
    """`Ordering` on transactions."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def place(self, command: PlaceOrder, render: Render, once: RequestKey | None = None) -> Answer:
        """Take stock, write order, audit and events, keep the answer: one transaction.

        Raises:
            Invalid, Forbidden, CycleClosed, OrderExists, PriceChanged, SoldOut: refused; nothing is kept.
            KeyReused, KeyInFlight: of the idempotency key.

        """
        check_requests(command.lines, command.note)
        _require_ids(cycle_id=command.cycle_id, store_id=command.store_id)
        command.actor.require_store(command.store_id)
        try:
            return self._once(once, render, lambda work: place_order(command, work))
        except errors.OrderExists as exists:
            if exists.order_id is None:
                found = self._transactions.run(lambda work: work.orders.live(command.cycle_id, command.store_id))
                raise errors.OrderExists(found) from exists
            raise

    def amend(self, command: AmendOrder, render: Render, once: RequestKey | None = None) -> Answer:
        """Replace the order's lines, giving back and taking only the difference."""
        check_requests(command.lines, command.note)
        _require_order_id(command.order_id)
        return self._once(once, render, lambda work: amend_order(command, work))

    def cancel(self, command: CancelOrder, render: Render, once: RequestKey | None = None) -> Answer:
        """Cancel the order and give its stock back; cancelling it again changes nothing."""
        _require_order_id(command.order_id)
        return self._once(once, render, lambda work: cancel_order(command, work))

    def _once(self, key: RequestKey | None, render: Render, work: Callable[[UnitOfWork], OrderView]) -> Answer:
        def transaction(unit: UnitOfWork) -> Answer:
            kept = unit.keys.claim(key) if key else None
            if kept is not None:
                return kept
            answer = render(work(unit))
            if key:
                unit.keys.keep(key, answer)
            return answer

        return self._transactions.run(transaction)


def place_order(command: PlaceOrder, work: UnitOfWork) -> OrderView:
    """Place an order inside the caller's transaction; see `OrderDesk.place`."""
    cycle = _orderable_cycle(command.cycle_id, work)
    store = work.orders.store(command.store_id)
    if store is None or not store.active:
        raise errors.Invalid(errors.FieldError("store_id", "no such store"))
    live = work.orders.live(command.cycle_id, command.store_id)
    if live is not None:
        raise errors.OrderExists(live)
    offers = work.offers.lock([line.offer_id for line in command.lines], cycle.id)
    lines = agree_lines(command.lines, offers, held={}, on_shortage=command.on_shortage)
    stock = _take(work, stock_deltas({}, _quantities(lines)), offers)
    now = work.now()
    # Locks may have been waited for: only the clock read under all of them says whether the cutoff was met.
    cycle.require_ordering(now)
    order = work.orders.add(
        Order(
            id=str(uuid4()),
            number=0,
            store_id=store.id,
            store_name=store.name,
            cycle_id=cycle.id,
            state=OrderState.PLACED,
            version=1,
            lines=lines,
            note=command.note,
            placed_at=now,
            updated_at=now,
        )
    )
    changes = line_changes((), lines)
    _record(work, "placed", actor=command.actor, cycle=cycle, order=order, changes=changes, stock=stock)
    return view(order, cycle)


def amend_order(command: AmendOrder, work: UnitOfWork) -> OrderView:
    """Amend an order inside the caller's transaction; see `OrderDesk.amend`."""
    order = _locked_order(command.order_id, command.actor, work)
    cycle = _orderable_cycle(order.cycle_id, work)
    order.require_editable()
    order.require_version(command.expected_version)
    held = order.quantities()
    offers = work.offers.lock({*held, *(line.offer_id for line in command.lines)}, cycle.id)
    lines = agree_lines(command.lines, offers, held=held, on_shortage=command.on_shortage)
    note = order.note if command.note is None else command.note
    changes = [*line_changes(order.lines, lines), *note_change(order.note, note)]
    if not changes:
        return view(order, cycle)
    stock = _take(work, stock_deltas(held, _quantities(lines)), offers)
    cycle.require_ordering(work.now())
    order = work.orders.replace(replace(order, note=note), lines)
    _record(work, "amended", actor=command.actor, cycle=cycle, order=order, changes=changes, stock=stock)
    return view(order, cycle)


def cancel_order(command: CancelOrder, work: UnitOfWork) -> OrderView:
    """Cancel an order inside the caller's transaction; see `OrderDesk.cancel`."""
    order = _locked_order(command.order_id, command.actor, work)
    if order.state is OrderState.CANCELLED:
        cycle = work.cycles.lock_for_ordering(order.cycle_id)
        return view(order, _present(cycle))
    cycle = _orderable_cycle(order.cycle_id, work)
    order.require_editable()
    order.require_version(command.expected_version)
    held = order.quantities()
    stock = _take(work, stock_deltas(held, {}), work.offers.lock(held, cycle.id))
    cycle.require_ordering(work.now())
    order = _cancelled(work, order, cycle, actor=command.actor, reason=command.reason, stock=stock)
    return view(order, cycle)


def withdraw_order(order_id: str, cycle: Cycle, actor: Actor, reason: str, work: UnitOfWork) -> bool:
    """Cancel an order of a cancelled market day, whatever its cutoff; False when there is nothing to cancel."""
    order = work.orders.lock(order_id)
    if order is None or order.state not in (OrderState.PLACED, OrderState.PACKED):
        return False
    held = order.quantities()
    stock = _take(work, stock_deltas(held, {}), work.offers.lock(held, cycle.id))
    _cancelled(work, order, cycle, actor=actor, reason=reason, stock=stock)
    return True


def _cancelled(
    work: UnitOfWork,
    order: Order,
    cycle: Cycle,
    *,
    actor: Actor,
    reason: str,
    stock: list[tuple[LockedOffer, LockedOffer]],
) -> Order:
    changes: list[dict[str, object]] = [{"field": "state", "old": order.state.value, "new": OrderState.CANCELLED.value}]
    order = work.orders.set_state(order, OrderState.CANCELLED)
    _record(work, "cancelled", actor=actor, cycle=cycle, order=order, changes=changes, stock=stock, reason=reason)
    return order


def _quantities(lines: tuple[OrderLine, ...]) -> dict[str, int]:
    return {line.offer_id: line.quantity for line in lines if line.quantity}


def _require_ids(**fields: str) -> None:
    problems = [errors.FieldError(name, "not an id") for name, value in fields.items() if not is_id(value)]
    if problems:
        raise errors.Invalid(*problems)


def _require_order_id(order_id: str) -> None:
    if not is_id(order_id):
        raise errors.NotFound("no such order")


def _present(cycle: Cycle | None) -> Cycle:
    if cycle is None:
        raise errors.NotFound("no such market day")
    return cycle


def _orderable_cycle(cycle_id: str, work: UnitOfWork) -> Cycle:
    cycle = work.cycles.lock_for_ordering(cycle_id)
    if cycle is None:
        raise errors.Invalid(errors.FieldError("cycle_id", "no such market day"))
    cycle.require_ordering(work.now())
    return cycle


def _locked_order(order_id: str, actor: Actor, work: UnitOfWork) -> Order:
    order = work.orders.lock(order_id)
    if order is None:
        raise errors.NotFound("no such order")
    actor.require_sight_of(order.store_id)
    return order


def _take(
    work: UnitOfWork, deltas: Mapping[str, int], offers: Mapping[str, LockedOffer]
) -> list[tuple[LockedOffer, LockedOffer]]:
    """Move stock; return each changed offer as it was and as it is.

    The rows are locked and were found sufficient, so a shortage here means that something else writes stock: the
    condition in the UPDATE holds the line all the same.
    """
    limited = {offer_id: delta for offer_id, delta in deltas.items() if offers[offer_id].remaining is not None}
    if not limited:
        return []
    taken = work.offers.take(limited)
    short = [offer_id for offer_id in limited if offer_id not in taken]
    if short:
        left = {offer_id: offers[offer_id].remaining or 0 for offer_id in short}
        raise errors.SoldOut(tuple(errors.Shortage(offer_id, limited[offer_id], left[offer_id]) for offer_id in short))
    return [(offers[offer_id], taken[offer_id]) for offer_id in limited]


def _record(
    work: UnitOfWork,
    action: str,
    *,
    actor: Actor,
    cycle: Cycle,
    order: Order,
    changes: list[dict[str, object]],
    stock: list[tuple[LockedOffer, LockedOffer]],
    reason: str = "",
) -> None:
    """Write the audit trail of order and stock, and publish both."""
    work.audit(AuditEntry("order", order.id, action, actor, changes, reason))
    why = f"order {order.number} {action}"
    for was, now in stock:
        moved = [{"field": "remaining", "old": was.remaining, "new": now.remaining}]
        work.audit(AuditEntry("offer", now.id, "stock", actor, moved, why))
    work.publish(facts.order_fact(action, order, cycle, actor=actor, changes=changes, reason=reason))
    for fact in facts.offers_changed(cycle.id, [now for _, now in stock]):
        work.publish(fact)

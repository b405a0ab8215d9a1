"""Placing, amending and cancelling an order: each one transaction, all or nothing, at most once per key."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder, RequestKey
from orders.application.once import answered_once
from orders.application.ports import Transactions, UnitOfWork
from orders.application.queries import OrderView
from orders.application.reasons import require_own_words
from orders.application.stock import StockMove
from orders.application.written_orders import CANCELLATION, Written, line_changes, note_change, record, view
from orders.domain import errors
from orders.domain.agreement import agree_lines, require_before_cutoffs
from orders.domain.cycle import Cycle
from orders.domain.order import LockedOffer, Order, OrderState, check_requests, is_id
from orders.domain.people import Actor

ATTEMPTS = 10
"""How often a change of an order begins anew because the order was changed between being seen and being locked."""

_WITHDRAWABLE = frozenset({OrderState.PLACED, OrderState.PACKED})

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
        require_own_words(command.reason, command.actor)
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
        require_own_words(command.reason, command.actor)
        _require_order_id(command.order_id)
        return self._once(once, render, lambda work: amend_order(command, work))

    def cancel(self, command: CancelOrder, render: Render, once: RequestKey | None = None) -> Answer:
        """Cancel the order and give its stock back; cancelling it again changes nothing."""
        require_own_words(command.reason, command.actor)
        _require_order_id(command.order_id)
        return self._once(once, render, lambda work: cancel_order(command, work))

    def _once(self, key: RequestKey | None, render: Render, work: Callable[[UnitOfWork], OrderView]) -> Answer:
        for _ in range(ATTEMPTS):
            try:
                return answered_once(self._transactions, key, lambda unit: render(work(unit)))
            except _Moved:
                continue
        raise errors.Unavailable("the order is being changed again and again", not_processed=True)


class _Moved(Exception):
    """The order took hold of other offers between being seen and being locked."""


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
    lines = agree_lines(command.lines, offers, on_shortage=command.on_shortage)
    stock = StockMove.take(work, offers, (), lines)
    now = work.now()
    # Locks may have been waited for: only the clock read under all of them says whether the cutoffs were met.
    cycle.require_ordering(now)
    require_before_cutoffs((), lines, offers, now)
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
    changes = [*line_changes((), lines), *map(dict, command.told)]
    record(work, Written("placed", order, cycle, command.actor, changes, command.reason), stock)
    return view(order, cycle)


def amend_order(command: AmendOrder, work: UnitOfWork) -> OrderView:
    """Amend an order inside the caller's transaction; see `OrderDesk.amend`."""
    seen = _seen_order(command.order_id, command.actor, work)
    cycle = _orderable_cycle(seen.cycle_id, work)
    order, offers = _held(seen, cycle, (line.offer_id for line in command.lines), work)
    order.require_editable()
    order.require_version(command.expected_version)
    lines = agree_lines(command.lines, offers, placed=order.lines, on_shortage=command.on_shortage)
    note = order.note if command.note is None else command.note
    changes = [*line_changes(order.lines, lines), *note_change(order.note, note)]
    if not changes:
        return view(order, cycle)
    stock = StockMove.take(work, offers, order.lines, lines)
    now = work.now()
    cycle.require_ordering(now)
    require_before_cutoffs(order.lines, lines, offers, now)
    order = work.orders.replace(replace(order, note=note), lines)
    record(work, Written("amended", order, cycle, command.actor, changes, command.reason), stock)
    return view(order, cycle)


def cancel_order(command: CancelOrder, work: UnitOfWork) -> OrderView:
    """Cancel an order inside the caller's transaction; see `OrderDesk.cancel`."""
    seen = _seen_order(command.order_id, command.actor, work)
    if seen.state is OrderState.CANCELLED:
        return view(seen, _present(work.cycles.lock_for_ordering(seen.cycle_id)))
    cycle = _orderable_cycle(seen.cycle_id, work)
    order, offers = _held(seen, cycle, (), work)
    if order.state is OrderState.CANCELLED:
        return view(order, cycle)
    order.require_editable()
    order.require_version(command.expected_version)
    stock = StockMove.take(work, offers, order.lines, ())
    now = work.now()
    cycle.require_ordering(now)
    require_before_cutoffs(order.lines, (), offers, now)
    order = work.orders.set_state(order, OrderState.CANCELLED)
    record(work, Written("cancelled", order, cycle, command.actor, [CANCELLATION], command.reason), stock)
    return view(order, cycle)


def withdraw_order(order_id: str, cycle: Cycle, actor: Actor, reason: str, work: UnitOfWork) -> bool:
    """Cancel an order of a cancelled market day, whatever its cutoff; False when there is nothing to cancel.

    The day takes no more changes, so what the order holds is the same when it is seen and when it is locked.
    """
    seen = work.orders.read(order_id)
    if seen is None or seen.state not in _WITHDRAWABLE:
        return False
    order, offers = _held(seen, cycle, (), work)
    if order.state not in _WITHDRAWABLE:
        return False
    stock = StockMove.take(work, offers, order.lines, ())
    change = {**CANCELLATION, "old": order.state.value}
    withdrawn = work.orders.set_state(order, OrderState.CANCELLED)
    record(work, Written("cancelled", withdrawn, cycle, actor, [change], reason), stock)
    return True


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


def _seen_order(order_id: str, actor: Actor, work: UnitOfWork) -> Order:
    order = work.orders.read(order_id)
    if order is None:
        raise errors.NotFound("no such order")
    actor.require_sight_of(order.store_id)
    return order


def _held(seen: Order, cycle: Cycle, wanted: Iterable[str], work: UnitOfWork) -> tuple[Order, dict[str, LockedOffer]]:
    """Lock what an order holds, then the order: everybody locks the day, its offers, its orders, each by id (ADR 19).

    What it holds is known for certain only under the last of these locks. When it took hold of another offer meanwhile,
    all begins anew.
    """
    offers = work.offers.lock({*seen.quantities(), *wanted}, cycle.id)
    order = work.orders.lock(seen.id)
    if order is None:
        raise errors.NotFound("no such order")
    if order.quantities().keys() - offers.keys():
        raise _Moved
    return order, offers

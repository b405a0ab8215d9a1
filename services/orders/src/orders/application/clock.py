"""The market day's clock: each step of a day by the database's time, exactly once, however late it looks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from orders.application import facts, standing_placement
from orders.application.day_reports import MAX_LISTED, MAX_TOP
from orders.application.ordering import withdraw_order
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.domain.cycle import REMIND_AHEAD, Cycle, CycleState
from orders.domain.errors import Unavailable
from orders.domain.people import Actor, Role

WARN_AHEAD_S = int(REMIND_AHEAD.total_seconds())
ORDERS_PER_TRANSACTION = 10
TRANSACTIONS_PER_LOOK = 10
LONGEST_WINDING_UP_S = 2.0
"""How many of a cancelled day's orders one look takes, and for how long: other days must not wait for them."""


class StepsFailed(Exception):
    """Some kinds of steps failed; all others were taken. `errors` says why, by the name of the kind."""

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def advance(transactions: Transactions) -> int:
    """Take every step that is due; return how many were taken.

    Each kind of step is a transaction of its own, state and events together, so a crash repeats nothing and loses
    nothing. A cycle whose whole life fell into an outage opens, closes and passes to packing right after. A kind that
    fails keeps none of the others waiting: a reminder that can't be told must not keep a day from closing.

    Raises:
        StepsFailed: what failed will be tried at the next look.
        Unavailable: the database is away.

    """
    steps: Mapping[str, Callable[[], int]] = {
        "opening": lambda: transactions.run(open_due),
        "reminding": lambda: transactions.run(warn_due),
        "closing": lambda: transactions.run(close_due),
        "packing": lambda: transactions.run(pack_due),
        "standing_orders": lambda: standing_placement.place_due(transactions),
        "winding_up": lambda: _wind_up_all(transactions),
    }
    taken, failed = 0, dict[str, Exception]()
    for kind, step in steps.items():
        try:
            taken += step()
        except Unavailable as error:
            if not failed:
                raise
            failed[kind] = error
            break
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns one kind of step
            failed[kind] = error
    if failed:
        raise StepsFailed(failed)
    return taken


def open_due(work: UnitOfWork) -> int:
    """Open scheduled cycles whose time has come; publish the opening and the whole price list."""
    due = work.cycles.due_to_open()
    for cycle in due:
        tell_opening(_move(cycle, CycleState.OPEN, work), work)
    return len(due)


def tell_opening(cycle: Cycle, work: UnitOfWork, **more: object) -> None:
    """Publish that a day is open, with a short price list, and after it every offer."""
    listed = facts.price_list(work.day_reports.price_list(cycle.id, MAX_LISTED))
    work.publish(facts.cycle_fact("opened", cycle, work.now(), **more, **listed))
    for fact in facts.offers_changed(cycle.id, work.offers.of_cycle(cycle.id)):
        work.publish(fact)


def warn_due(work: UnitOfWork) -> int:
    """Tell, once, which stores have not ordered: an hour before the cutoff, or when staff said."""
    due = work.cycles.due_to_warn(WARN_AHEAD_S)
    for cycle in due:
        work.cycles.closing_told(cycle.id)
        for fact in facts.closing(cycle, work.now(), work.cycles.stores_without_order(cycle.id)):
            work.publish(fact)
    return len(due)


def close_due(work: UnitOfWork) -> int:
    """Close open cycles whose cutoff has passed; orders being placed hold the row, so the event follows theirs."""
    due = work.cycles.due_to_close()
    for cycle in due:
        closed = _move(cycle, CycleState.CLOSED, work)
        sums = facts.day_sums(work.day_reports.sums(cycle.id, MAX_TOP))
        work.publish(facts.cycle_fact("closed", closed, work.now(), **sums))
    return len(due)


def pack_due(work: UnitOfWork) -> int:
    """Pass closed cycles to packing when their time has come."""
    due = work.plans.due_to_pack()
    for cycle in due:
        packing = _move(cycle, CycleState.PACKING, work)
        work.publish(facts.cycle_fact("packing", packing, work.now()))
    return len(due)


def wind_up(work: UnitOfWork) -> int:
    """Cancel some orders of a cancelled cycle, each with its event and its stock; return how many."""
    found = work.plans.winding_up()
    if found is None:
        return 0
    cycle, by = found
    orders = work.plans.live_orders(cycle.id, ORDERS_PER_TRANSACTION)
    if not orders:
        work.plans.wound_up(cycle.id)
    actor = by or _NOBODY
    return sum(withdraw_order(order_id, cycle, actor, cycle.cancel_reason, work) for order_id in orders)


# Whoever cancelled before this was kept; an order's event has to name somebody.
_NOBODY = Actor("00000000-0000-0000-0000-000000000000", Role.STAFF, frozenset())


def _wind_up_all(transactions: Transactions) -> int:
    cancelled, ends_at = 0, time.monotonic() + LONGEST_WINDING_UP_S
    for _ in range(TRANSACTIONS_PER_LOOK):
        batch = transactions.run(wind_up)
        cancelled += batch
        if not batch or time.monotonic() > ends_at:
            break
    return cancelled


def _move(cycle: Cycle, state: CycleState, work: UnitOfWork) -> Cycle:
    work.cycles.set_state(cycle.id, state)
    change = {"field": "state", "old": cycle.state.value, "new": state.value}
    work.audit(AuditEntry("cycle", cycle.id, state.value, None, [change], "by the clock"))
    return replace(cycle, state=state)

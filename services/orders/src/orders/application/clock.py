"""The market day's clock: cycles open and close by the database's time, each exactly once, however late it looks."""

from collections.abc import Callable
from dataclasses import replace

from orders.application import facts, standing_placement
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.domain.cycle import Cycle, CycleState

WARN_AHEAD_S = 3_600


def advance(transactions: Transactions) -> int:
    """Open what is due, warn of what closes soon, close what is over, place standing orders; return how many steps.

    Each kind of step is a transaction of its own, state and events together, so a crash repeats nothing and loses
    nothing. A cycle whose whole life fell into an outage opens and closes right after.
    """
    steps: tuple[Callable[[UnitOfWork], int], ...] = (open_due, warn_due, close_due)
    return sum(transactions.run(step) for step in steps) + standing_placement.place_due(transactions)


def open_due(work: UnitOfWork) -> int:
    """Open scheduled cycles whose time has come; publish the opening and the whole price list."""
    due = work.cycles.due_to_open()
    for cycle in due:
        opened = _move(cycle, CycleState.OPEN, work)
        work.publish(facts.cycle_fact("opened", opened, work.now()))
        for fact in facts.offers_changed(cycle.id, work.offers.of_cycle(cycle.id)):
            work.publish(fact)
    return len(due)


def warn_due(work: UnitOfWork) -> int:
    """Tell, once, which stores have not ordered an hour before the cutoff."""
    due = work.cycles.due_to_warn(WARN_AHEAD_S)
    for cycle in due:
        work.cycles.closing_told(cycle.id)
        stores = list(work.cycles.stores_without_order(cycle.id))
        work.publish(facts.cycle_fact("closing", cycle, work.now(), stores_without_order=stores))
    return len(due)


def close_due(work: UnitOfWork) -> int:
    """Close open cycles whose cutoff has passed; orders being placed hold the row, so the event follows theirs."""
    due = work.cycles.due_to_close()
    for cycle in due:
        closed = _move(cycle, CycleState.CLOSED, work)
        work.publish(facts.cycle_fact("closed", closed, work.now()))
    return len(due)


def _move(cycle: Cycle, state: CycleState, work: UnitOfWork) -> Cycle:
    work.cycles.set_state(cycle.id, state)
    change = {"field": "state", "old": cycle.state.value, "new": state.value}
    work.audit(AuditEntry("cycle", cycle.id, state.value, None, [change], "by the clock"))
    return replace(cycle, state=state)

"""Planning market days: from nothing or from a copy, changed while that makes sense, cancelled with a reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from orders.application import facts
from orders.application.commands import Answer, RequestKey
from orders.application.once import once
from orders.application.planning_ports import LeftOut, OfferAudit
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.domain.cycle import Cycle, CycleState
from orders.domain.errors import Invalid, NotFound, VersionConflict
from orders.domain.faults import Fault, text_fault
from orders.domain.offer import term_changes
from orders.domain.order import is_id
from orders.domain.people import Actor
from orders.domain.planning import (
    MAX_REASON_CHARACTERS,
    Plan,
    changed_plan,
    check_plan,
    next_plan,
    require_cancellable,
    usual_packing_at,
)

MAX_NAMED = 10
"""So many products a refusal names, and that there are more."""
_FIELDS = ("name", "opens_at", "cutoff_at", "delivery_on", "remind_at", "packing_at")


@dataclass(frozen=True, slots=True)
class PlanCycle:
    """`values` are fields of `Plan`, of which the last two may be missing: then they are the usual ones."""

    actor: Actor
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CopyCycle:
    """Copy a market day; `values` replace what would be proposed."""

    actor: Actor
    cycle_id: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EditCycle:
    actor: Actor
    cycle_id: str
    expected_version: int | None
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CancelCycle:
    actor: Actor
    cycle_id: str
    expected_version: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """A market day as it was just written; `offers` and `left_out` say what a copy brought along."""

    cycle: Cycle
    server_time: datetime
    offers: int = 0
    left_out: Sequence[LeftOut] = ()


Render = Callable[[PlannedDay], Answer]


class PlanningDesk:
    """The use cases; each is for staff only, and one transaction."""

    def __init__(self, transactions: Transactions, zone: ZoneInfo) -> None:
        self._transactions = transactions
        self._zone = zone

    def plan(self, command: PlanCycle, render: Render, key: RequestKey | None = None) -> Answer:
        """Plan a market day without offers."""
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: self._plan(command, work), render)

    def copy(self, command: CopyCycle, render: Render, key: RequestKey | None = None) -> Answer:
        """Plan a market day with the offers of another one: what was available at first, at the same prices."""
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: self._copy(command, work), render)

    def edit(self, command: EditCycle, render: Render, key: RequestKey | None = None) -> Answer:
        """Change the plan as far as its state allows.

        Raises:
            CycleNotEditable, Invalid, VersionConflict: refused; nothing is changed.

        """
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: self._edit(command, work), render)

    def cancel(self, command: CancelCycle, render: Render, key: RequestKey | None = None) -> Answer:
        """Cancel a market day: no more orders from now on; the clock cancels those that are there."""
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: _cancel(command, work), render)

    def show(self, cycle_id: str) -> PlannedDay:
        """Return a market day with its plan, to anybody: stores may know when the next one opens."""
        return self._transactions.run(lambda work: PlannedDay(_found(work, cycle_id), work.now()))

    def proposal(self, actor: Actor, cycle_id: str) -> Plan:
        """Return the plan that a copy would have."""
        actor.require_staff()
        return self._transactions.run(lambda work: self._proposal(_found(work, cycle_id), work))

    def _plan(self, command: PlanCycle, work: UnitOfWork) -> PlannedDay:
        values = {"remind_at": None, **command.values}
        plan = self._new_plan(values, work.now())
        cycle = work.plans.add(str(uuid4()), plan, None)
        return _planned(work, cycle, command.actor, "planned")

    def _copy(self, command: CopyCycle, work: UnitOfWork) -> PlannedDay:
        source = _found(work, command.cycle_id)
        proposed = self._proposal(source, work)
        values = {name: getattr(proposed, name) for name in _FIELDS if name != "packing_at"}
        if "cutoff_at" in command.values and proposed.remind_at is not None:
            values["remind_at"] = command.values["cutoff_at"] - (proposed.cutoff_at - proposed.remind_at)
        plan = self._new_plan({**values, **command.values}, work.now())
        cycle = work.plans.add(str(uuid4()), plan, source.id)
        made = work.planned_offers.copy(source.id, cycle.id)
        why = f"copied from {source.name}"
        trail = [OfferAudit(offer_id, "added", term_changes(None, terms), why) for offer_id, terms in made]
        work.planned_offers.audit(command.actor, trail)
        day = _planned(work, cycle, command.actor, "copied", why)
        return replace(day, offers=len(made), left_out=work.planned_offers.left_out(source.id))

    def _edit(self, command: EditCycle, work: UnitOfWork) -> PlannedDay:
        was, now = _locked(work, command.cycle_id, command.expected_version), work.now()
        plan = changed_plan(was, command.changes, now=now, zone=self._zone)
        if plan == Plan.of(was):
            return PlannedDay(was, now)
        if plan.opens_at > was.opens_at:
            _require_open_offers(work, was, plan)
        cycle = work.plans.change(was.id, plan)
        work.audit(AuditEntry("cycle", cycle.id, "changed", command.actor, _changes(Plan.of(was), plan)))
        if cycle.state is CycleState.SCHEDULED:
            _move_own_cutoffs(work, was, cycle, command.actor)
            work.publish(facts.cycle_fact("scheduled", cycle, now))
        elif cycle.state is CycleState.OPEN:
            # To whoever follows an open day this is "as it stands now" (ADR 14): screens take the new cutoff from it.
            work.publish(facts.cycle_fact("opened", cycle, now, republished=True))
        return PlannedDay(cycle, now)

    def _new_plan(self, values: Mapping[str, Any], now: datetime) -> Plan:
        usual = usual_packing_at(values["delivery_on"], values["cutoff_at"], self._zone)
        plan = Plan(**{"packing_at": usual, **values})
        check_plan(plan, changed=frozenset(_FIELDS), now=now, zone=self._zone)
        return plan

    def _proposal(self, source: Cycle, work: UnitOfWork) -> Plan:
        return next_plan(source, taken=work.plans.delivery_days(), now=work.now(), zone=self._zone)


def _cancel(command: CancelCycle, work: UnitOfWork) -> PlannedDay:
    reason = command.reason.strip()
    fault = text_fault("reason", reason, most=MAX_REASON_CHARACTERS, lines=True)
    if fault is not None:
        raise Invalid(fault)
    was = _locked(work, command.cycle_id, command.expected_version)
    require_cancellable(was)
    cycle, now = work.plans.cancel(was.id, command.actor, reason), work.now()
    change = {"field": "state", "old": was.state.value, "new": cycle.state.value}
    work.audit(AuditEntry("cycle", cycle.id, "cancelled", command.actor, [change], reason))
    work.publish(facts.cycle_fact("cancelled", cycle, now, reason=reason))
    return PlannedDay(cycle, now)


def _planned(work: UnitOfWork, cycle: Cycle, actor: Actor, action: str, reason: str = "") -> PlannedDay:
    now = work.now()
    work.audit(AuditEntry("cycle", cycle.id, action, actor, _changes(None, Plan.of(cycle)), reason))
    work.publish(facts.cycle_fact("scheduled", cycle, now))
    return PlannedDay(cycle, now)


def _require_open_offers(work: UnitOfWork, was: Cycle, plan: Plan) -> None:
    """Refuse an opening that comes after an offer's own cutoff: nobody could ever order it."""
    names = work.planned_offers.shut_before(was.id, plan.cutoff_at - was.cutoff_at, plan.opens_at)
    if names:
        listed = ", ".join(names[:MAX_NAMED]) + (" …" if len(names) > MAX_NAMED else "")
        raise Invalid(Fault("opens_at", f"own cutoffs come before it: {listed}", "shut_before", {"names": listed}))


def _move_own_cutoffs(work: UnitOfWork, was: Cycle, cycle: Cycle, actor: Actor) -> None:
    """Keep the offers' own cutoffs as long before the market day's as they were."""
    if cycle.cutoff_at == was.cutoff_at:
        return
    moved = work.planned_offers.move_cutoffs(cycle.id, cycle.cutoff_at - was.cutoff_at, cycle.opens_at)
    trail = [
        OfferAudit(
            offer_id,
            "changed",
            [{"field": "cutoff_at", "old": old.isoformat(), "new": new.isoformat()}],
            "with the market day's cutoff",
        )
        for offer_id, old, new in moved
    ]
    work.planned_offers.audit(actor, trail)


def _found(work: UnitOfWork, cycle_id: str) -> Cycle:
    cycle = work.plans.read(cycle_id) if is_id(cycle_id) else None
    if cycle is None:
        raise NotFound("no such market day")
    return cycle


def _locked(work: UnitOfWork, cycle_id: str, expected_version: int | None) -> Cycle:
    cycle = work.plans.lock(cycle_id) if is_id(cycle_id) else None
    if cycle is None:
        raise NotFound("no such market day")
    if expected_version not in (None, cycle.version):
        raise VersionConflict(cycle.version, "market day")
    return cycle


def _changes(was: Plan | None, now: Plan) -> list[dict[str, object]]:
    pairs = ((name, getattr(was, name, None), getattr(now, name)) for name in _FIELDS)
    return [{"field": name, "old": _plain(old), "new": _plain(new)} for name, old, new in pairs if old != new]


def _plain(value: Any) -> object:
    return value if value is None or isinstance(value, str) else value.isoformat()

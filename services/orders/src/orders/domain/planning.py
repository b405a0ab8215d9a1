"""Planning a market day: what a plan has to hold, and what of it may still change in which state."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from orders.domain.cycle import Cycle, CycleState
from orders.domain.errors import CycleNotEditable, Invalid
from orders.domain.faults import Fault, text_fault
from orders.domain.hub_time import days_later, wall_clock

MAX_NAME_CHARACTERS = 100
MAX_REASON_CHARACTERS = 500
MAX_AHEAD = timedelta(days=400)
MAX_BEHIND = timedelta(days=1)
"""How long ago an opening may be said to have been: "now" typed a while ago is fine, another year is a slip."""
MAX_DELIVERY_DAYS = 60
PACKING_TIME = time(3)
WEEK_DAYS = 7
CANCELLABLE = frozenset({CycleState.SCHEDULED, CycleState.OPEN, CycleState.CLOSED, CycleState.PACKING})


@dataclass(frozen=True, slots=True)
class Plan:
    """What staff say of a market day. `remind_at`, `packing_at` as in `Cycle`."""

    name: str
    opens_at: datetime
    cutoff_at: datetime
    delivery_on: date
    remind_at: datetime | None
    packing_at: datetime | None

    @classmethod
    def of(cls, cycle: Cycle) -> "Plan":
        """Return the plan that a market day follows."""
        return cls(cycle.name, cycle.opens_at, cycle.cutoff_at, cycle.delivery_on, cycle.remind_at, cycle.packing_at)


_ALL = frozenset({"name", "opens_at", "cutoff_at", "delivery_on", "remind_at", "packing_at"})
MAY_CHANGE: Mapping[CycleState, frozenset[str]] = {
    CycleState.SCHEDULED: _ALL,
    CycleState.OPEN: _ALL - {"opens_at"},
    CycleState.CLOSED: frozenset({"packing_at"}),
}


def may_change(cycle: Cycle, now: datetime) -> frozenset[str]:
    """Return the fields of the plan that may still change at `now`."""
    if cycle.state is CycleState.OPEN and now >= cycle.cutoff_at:
        return frozenset()  # over, though the clock has not closed it yet
    allowed = MAY_CHANGE.get(cycle.state, frozenset())
    return allowed - {"remind_at"} if cycle.is_reminded else allowed


def usual_packing_at(delivery_on: date, cutoff_at: datetime, zone: ZoneInfo) -> datetime:
    """Return 3 in the morning of the delivery day by the hub's clock, but never before the cutoff."""
    morning = datetime.combine(delivery_on, PACKING_TIME, tzinfo=zone)
    return max(morning.astimezone(cutoff_at.tzinfo), cutoff_at)


def check_plan(plan: Plan, *, changed: AbstractSet[str], now: datetime, zone: ZoneInfo) -> None:
    """Refuse a plan that makes no sense, naming every field; only what `changed` is held against the clock."""
    times = _time_faults(plan, changed, now)
    # What is held against the cutoff says nothing of use while that makes no sense itself.
    rest = [] if times else _faults_beside_the_cutoff(plan, changed, zone)
    faults = [text_fault("name", plan.name, most=MAX_NAME_CHARACTERS), *times, *rest]
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Invalid(*found)


def _faults_beside_the_cutoff(plan: Plan, changed: AbstractSet[str], zone: ZoneInfo) -> list[Fault]:
    faults = []
    cutoff_on = wall_clock(plan.cutoff_at, zone).date()
    if not cutoff_on <= plan.delivery_on <= cutoff_on + timedelta(days=MAX_DELIVERY_DAYS):
        message = f"from the day of the cutoff to {MAX_DELIVERY_DAYS} days later"
        faults.append(Fault("delivery_on", message, "delivery_range", {"most": MAX_DELIVERY_DAYS}))
    told = {"opens_at", "cutoff_at", "remind_at"} & changed
    if told and plan.remind_at is not None and not plan.opens_at <= plan.remind_at < plan.cutoff_at:
        faults.append(Fault("remind_at", "between the opening and the cutoff", "remind_range"))
    if plan.packing_at is not None and not plan.cutoff_at <= plan.packing_at <= plan.cutoff_at + MAX_AHEAD:
        faults.append(Fault("packing_at", "not before the cutoff", "packing_range"))
    return faults


def _time_faults(plan: Plan, changed: AbstractSet[str], now: datetime) -> list[Fault]:
    faults = []
    if "opens_at" in changed and not now - MAX_BEHIND <= plan.opens_at <= now + MAX_AHEAD:
        faults.append(Fault("opens_at", "from yesterday to a year ahead", "opens_range"))
    if "cutoff_at" in changed and plan.cutoff_at <= now:
        faults.append(Fault("cutoff_at", "in the future", "cutoff_past"))
    elif plan.opens_at >= plan.cutoff_at:
        faults.append(Fault("cutoff_at", "after the opening", "cutoff_before_opening"))
    elif "cutoff_at" in changed and plan.cutoff_at > now + MAX_AHEAD:
        faults.append(Fault("cutoff_at", "within a year", "cutoff_far"))
    return faults


def changed_plan(cycle: Cycle, changes: Mapping[str, Any], *, now: datetime, zone: ZoneInfo) -> Plan:
    """Return the plan with the changes, as far as the state of the market day allows them.

    A packing time that was the usual one stays the usual one when the day or the cutoff moves.

    Raises:
        CycleNotEditable: a field that may not change any more.
        Invalid: the plan would make no sense.

    """
    old = Plan.of(cycle)
    changed = {name for name, value in changes.items() if getattr(old, name) != value}
    late = sorted(changed - may_change(cycle, now))
    if late:
        raise CycleNotEditable(f"this market day is {cycle.state.value}: {', '.join(late)} can't change any more")
    plan = replace(old, **{name: changes[name] for name in changed})
    usual = usual_packing_at(old.delivery_on, old.cutoff_at, zone)
    if "packing_at" not in changed and old.packing_at == usual:
        plan = replace(plan, packing_at=usual_packing_at(plan.delivery_on, plan.cutoff_at, zone))
    if changed:
        check_plan(plan, changed=changed, now=now, zone=zone)
    return plan


def require_cancellable(cycle: Cycle) -> None:
    if cycle.state not in CANCELLABLE:
        raise CycleNotEditable(f"this market day is {cycle.state.value}")


def next_plan(past: Cycle, *, taken: AbstractSet[date], now: datetime, zone: ZoneInfo) -> Plan:
    """Propose the market day after a past one: a week later by the hub's clock, or the next day nobody plans on.

    Whole weeks are added until the opening lies ahead, so that a copy of an old day never opens by itself at once.
    """
    weeks = 1
    while days_later(past.opens_at, weeks * WEEK_DAYS, zone) <= now:
        weeks += 1
    days = weeks * WEEK_DAYS
    while past.delivery_on + timedelta(days=days) in taken:
        days += 1
    return _moved(past, days, zone)


def _moved(past: Cycle, days: int, zone: ZoneInfo) -> Plan:
    delivery_on = past.delivery_on + timedelta(days=days)
    cutoff_at = days_later(past.cutoff_at, days, zone)
    opens_at = days_later(past.opens_at, days, zone)
    remind_at = None if past.remind_at is None else cutoff_at - (past.cutoff_at - past.remind_at)
    return Plan(
        name=_renamed(past, delivery_on),
        opens_at=opens_at,
        cutoff_at=cutoff_at,
        delivery_on=delivery_on,
        remind_at=None if remind_at is None else max(remind_at, opens_at),
        packing_at=usual_packing_at(delivery_on, cutoff_at, zone),
    )


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def short_name(day: date) -> str:
    """Return the name that a market day has by its delivery: "Jan 8"."""
    return f"{_MONTHS[day.month - 1]} {day.day}"


def _renamed(past: Cycle, delivery_on: date) -> str:
    """Put the new date into a name that holds the old one; leave any other name alone."""
    return past.name.replace(short_name(past.delivery_on), short_name(delivery_on))[:MAX_NAME_CHARACTERS]

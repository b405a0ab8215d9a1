"""All measurements of notify, in full and tiny. NOTIFY_ONLY names parts (comma-separated)."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from native import environments
from tests.bench.figures import Report
from tests.bench.notify import committed, flood, overtaking
from tests.bench.notify.committed import Committed
from tests.bench.notify.flood import Flood
from tests.bench.notify.hall import SERVICE, Hall, hall
from tests.bench.notify.overtaking import Overtaking
from tests.bench.world import BenchFailed


@dataclass(frozen=True)
class Plan:
    """How much is measured, and which parts: all by default."""

    flood: Flood = field(default_factory=Flood)
    overtaking: Overtaking = field(default_factory=Overtaking)
    committed: Committed | None = field(default_factory=Committed)
    only: tuple[str, ...] = ()


FULL = Plan()
# Placing real orders takes a seeded world of its own: that part only runs in full.
TINY = Plan(Flood(mails=60), Overtaking(waiting=120, before=5), committed=None)


def from_environment(plan: Plan) -> Plan:
    """Return the plan as whoever runs the benchmark wants it."""
    return replace(plan, only=tuple(part for part in os.environ.get("NOTIFY_ONLY", "").split(",") if part))


def run(plan: Plan = FULL) -> Report:
    """Measure everything once. What fails to be measured is a line of the table; the rest goes on."""
    plan = from_environment(plan) if plan is FULL else plan
    report = Report("notify")
    environments.ensure(SERVICE)
    with hall() as place:
        parts = _parts(report, place, plan)
        if unknown := set(plan.only) - parts.keys():
            raise BenchFailed(f"NOTIFY_ONLY names {', '.join(sorted(unknown))}; there are: {', '.join(parts)}")
        for name, measuring in parts.items():
            if plan.only and name not in plan.only:
                continue
            print(f"… {name}", flush=True)
            try:
                measuring()
            except (BenchFailed, TimeoutError) as failure:
                report.add(f"{name}: NOT MEASURED", "", 0)
                report.notes.append(f"{name}: {failure or type(failure).__name__}")
    return report


def _parts(report: Report, place: Hall, plan: Plan) -> dict[str, Callable[[], None]]:
    parts: dict[str, Callable[[], None]] = {
        "flood": lambda: flood.measure(report, place, plan.flood),
        "overtaking": lambda: overtaking.measure(report, place, plan.overtaking),
    }
    if (orders := plan.committed) is not None:
        parts["committed"] = lambda: committed.measure(report, place, orders)
    return parts

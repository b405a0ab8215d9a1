"""All measurements of usda-ingest, in full and tiny. INGEST_ONLY names parts (comma-separated).

A part is a module with `measure(report, hall, plan)` and a plan: a frozen dataclass whose defaults are the full size.
It gets an entry in `Plan`, `TINY` and `_parts`. What must run in usda-ingest's own environment is a module of
`actors/` that ends with a line of JSON: `hall.act("name", "argument")`. `report.must(…, at_most=…)` is a row with a
bound, `report.add` one without, `report.notes.append` a line below the table.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from native import environments
from tests.bench.figures import Report
from tests.bench.ingest import accounts, endpoint, forecasts, morning, peer, storing
from tests.bench.ingest.accounts import Accounts
from tests.bench.ingest.endpoint import Endpoint
from tests.bench.ingest.forecasts import Forecasts
from tests.bench.ingest.hall import SERVICE, Hall, hall
from tests.bench.ingest.morning import Morning
from tests.bench.ingest.storing import Storing
from tests.bench.world import BenchFailed


@dataclass(frozen=True)
class Plan:
    """How much is measured, which parts (all by default), and whether what is missing may be installed for it."""

    storing: Storing = field(default_factory=Storing)
    accounts: Accounts = field(default_factory=Accounts)
    morning: Morning = field(default_factory=Morning)
    forecasts: Forecasts = field(default_factory=Forecasts)
    endpoint: Endpoint = field(default_factory=Endpoint)
    only: tuple[str, ...] = ()
    install: bool = True


FULL = Plan()
TINY = Plan(
    Storing("legacy/los-angeles_9-24-2016_9-30-2017.csv", rounds=1),
    Accounts(("legacy/US-pumpkins*.csv", "mars/2309*")),
    Morning(idle_s=0.1, reports=("2309",)),
    Forecasts(others=()),
    Endpoint(days=60, asked=5, asked_anew=3),
    install=False,
)


def from_environment(plan: Plan) -> Plan:
    """Return the plan as whoever runs the benchmark wants it."""
    only = tuple(part for part in os.environ.get("INGEST_ONLY", "").split(",") if part)
    return replace(plan, only=only)


def run(plan: Plan = FULL) -> Report:
    """Measure everything once. What fails to be measured is a line of the table; the rest goes on."""
    plan = from_environment(plan) if plan is FULL else plan
    report = Report("ingest")
    if plan.install:
        environments.ensure(SERVICE, test=True)  # the morning starts a nats-server as the tests do
        if why := peer.install():
            report.notes.append(f"pandas: {why}")
    if not peer.installed():
        report.notes.append("pandas: left out, it is not installed")
    with hall() as place:
        _measure(report, place, plan)
    return report


def _measure(report: Report, place: Hall, plan: Plan) -> None:
    parts = _parts(report, place, plan)
    if unknown := set(plan.only) - parts.keys():
        raise BenchFailed(f"INGEST_ONLY names {', '.join(sorted(unknown))}; there are: {', '.join(parts)}")
    for name, measuring in parts.items():
        if plan.only and name not in plan.only:
            continue
        print(f"… {name}", flush=True)
        place.empty()
        try:
            measuring()
        except (BenchFailed, TimeoutError) as failure:
            report.add(f"{name}: NOT MEASURED", "", 0)
            report.notes.append(f"{name}: {failure or type(failure).__name__}")


def _parts(report: Report, place: Hall, plan: Plan) -> dict[str, Callable[[], None]]:
    return {
        "storing": lambda: storing.measure(report, place, plan.storing),
        "accounts": lambda: accounts.measure(report, place, plan.accounts),
        "morning": lambda: morning.measure(report, place, plan.morning),
        "forecasts": lambda: forecasts.measure(report, place, plan.forecasts),
        "endpoint": lambda: endpoint.measure(report, place, plan.endpoint),
    }

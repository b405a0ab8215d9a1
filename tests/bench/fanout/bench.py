"""All measurements of the fan-out, in full and tiny.

FANOUT_ONLY names parts (comma-separated), FANOUT_SOAK_MINUTES makes the soak longer: see docs/performance.md.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path

from native import environments, installation
from tests.bench.fanout import committed, load, outage, peer, rates, soak, stalls, standing
from tests.bench.fanout.actors import Stage, compile_crowd
from tests.bench.fanout.committed import Committed
from tests.bench.fanout.hall import Hall
from tests.bench.fanout.load import Load
from tests.bench.fanout.outage import Outage
from tests.bench.fanout.rates import Rates
from tests.bench.fanout.soak import Soak
from tests.bench.fanout.stalls import Stalls
from tests.bench.fanout.standing import Standing
from tests.bench.figures import Report
from tests.bench.gateway.launch import allow_many_files
from tests.bench.world import ROOT, BenchFailed

LONGEST_SOAK_MINUTES = 240
_PROJECTS = ("events", "services/orders", "services/realtime")
_TRACED = (BenchFailed, TimeoutError)


@dataclass(frozen=True)
class Plan:
    """How much is measured, which parts (all by default), and whether what is missing may be installed for it."""

    rates: Rates = field(default_factory=Rates)
    standing: Standing = field(default_factory=Standing)
    load: Load = field(default_factory=Load)
    stalls: Stalls = field(default_factory=Stalls)
    outage: Outage = field(default_factory=Outage)
    committed: Committed = field(default_factory=Committed)
    soak: Soak = field(default_factory=Soak)
    only: tuple[str, ...] = ()
    install: bool = True


FULL = Plan()
TINY = Plan(
    Rates(clients=10, rounds=1, round_s=0.2, under_way=4, at_once=2),
    Standing(clients=30, warm_up=10, idle_clients=20, idle_s=0.2, missed=3, settle_s=0.1),
    Load(clients=20, updates_per_s=20.0, normal_s=0.3, before_s=0.1, peers=False),
    Stalls(clients=10, stalled=1, turns=1, turn_s=0.2, evicted_within_s=0.5),
    Outage(clients=10, workers=1, updates_per_s=20.0, before_s=0.1, down_s=0.3),
    Committed(stores=3, days=1, warm_up=1),
    Soak(minutes=0.02, clients=10, churned_per_s=5, away_ms=100, stalled=1, stall_s=0.2, sample_s=0.2, remembered=20),
    install=False,
)


def from_environment(plan: Plan) -> Plan:
    """Return the plan as whoever runs the benchmark wants it."""
    only = tuple(part for part in os.environ.get("FANOUT_ONLY", "").split(",") if part)
    minutes = os.environ.get("FANOUT_SOAK_MINUTES") or str(plan.soak.minutes)
    try:
        wanted = float(minutes)
    except ValueError:
        wanted = -1.0
    if not 0 < wanted <= LONGEST_SOAK_MINUTES:
        raise BenchFailed(f"FANOUT_SOAK_MINUTES is {minutes!r}; up to {LONGEST_SOAK_MINUTES} minutes are possible")
    return replace(plan, only=only, soak=replace(plan.soak, minutes=wanted))


def run(plan: Plan = FULL) -> Report:
    """Measure everything once. What fails to be measured is a line of the table; the rest goes on."""
    plan = from_environment(plan) if plan is FULL else plan
    allow_many_files()
    report = Report("fanout")
    if plan.install:
        _install(report)
    if not peer.installed():
        report.notes.append("Flask-SocketIO, FastAPI, websockets and the floor: left out, they are not installed")
    folder = Path(tempfile.mkdtemp(prefix="mercadito-bench-fanout-"))
    # The gateway's workers pass through on the way to their files.
    folder.chmod(0o755)
    try:
        asyncio.run(_measure(report, folder, plan))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _install(report: Report) -> None:
    report.notes.extend(f"{what}: {why}" for what, why in installation.add_compiler().items())
    for project in _PROJECTS:
        environments.ensure(ROOT / project)
    if why := peer.install():
        report.notes.append(f"peers: {why}")


async def _measure(report: Report, folder: Path, plan: Plan) -> None:
    program = await compile_crowd(folder)
    stage = await Stage.open(folder)
    parts = _parts(report, Hall(folder, program, stage), plan)
    if unknown := set(plan.only) - parts.keys():
        raise BenchFailed(f"FANOUT_ONLY names {', '.join(sorted(unknown))}; there are: {', '.join(parts)}")
    try:
        for name, measuring in parts.items():
            if plan.only and name not in plan.only:
                continue
            print(f"… {name}", flush=True)
            try:
                await measuring()
            except _TRACED as failure:
                report.add(f"{name}: NOT MEASURED", "", 0)
                report.notes.append(f"{name}: {failure or type(failure).__name__}")
    finally:
        await stage.end()


def _parts(report: Report, hall: Hall, plan: Plan) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
    return {
        "rates": lambda: rates.measure(report, hall, plan.rates),
        "standing": lambda: standing.measure(report, hall, plan.standing),
        "load": lambda: load.measure(report, hall, plan.load),
        "stalls": lambda: stalls.measure(report, hall, plan.stalls),
        "outage": lambda: outage.measure(report, hall, plan.outage),
        "committed": lambda: committed.measure(report, plan.committed),
        "soak": lambda: soak.measure(report, hall, plan.soak),
    }

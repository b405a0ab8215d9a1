"""All measurements of the gateway, in full and tiny."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from native import installation
from tests.bench.figures import Report
from tests.bench.gateway import fairness, memory, overhead, release, restarts, sockets, waking
from tests.bench.gateway.fairness import Fairness
from tests.bench.gateway.launch import allow_many_files
from tests.bench.gateway.memory import Memory
from tests.bench.gateway.overhead import Overhead
from tests.bench.gateway.proxy import PEERS
from tests.bench.gateway.release import Release
from tests.bench.gateway.restarts import Restarts
from tests.bench.gateway.sockets import Sockets
from tests.bench.gateway.waking import Waking
from tests.bench.world import BenchFailed


@dataclass(frozen=True)
class Plan:
    """How much is measured, and whether what to compare with may be installed for it."""

    restarts: Restarts = field(default_factory=Restarts)
    waking: Waking = field(default_factory=Waking)
    release: Release = field(default_factory=Release)
    overhead: Overhead = field(default_factory=Overhead)
    memory: Memory = field(default_factory=Memory)
    fairness: Fairness = field(default_factory=Fairness)
    sockets: Sockets = field(default_factory=Sockets)
    install: bool = True


FULL = Plan()
TINY = Plan(
    Restarts(
        requests=60,
        rate=60,
        unkeyed_rate=20,
        restarts=1,
        first_at_s=0.2,
        down_s=0.3,
        hows=("SIGKILL", "pause"),
        at_once=4,
    ),
    Waking(outages=2, shortest_s=0.1, longest_s=0.2, waiters=2),
    Release(rate=50, steady=20, down_s=0.3, before_s=0.1, after_s=0.3),
    Overhead(rounds=1, round_s=0.2, profile_rounds=0),
    Memory(held=50, warm_up=10, settles_within_s=0.3),
    Fairness(flood=60, queue=30, others=8, others_rate=20.0, others_s=0.3, refusals=5, gone=10),
    Sockets(clients=10, down_s=0.3, normal_s=0.3),
    install=False,
)


@contextmanager
def _folder() -> Iterator[Path]:
    """Lend a folder that nginx's workers can enter."""
    folder = Path(tempfile.mkdtemp(prefix="mercadito-bench-gateway-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(plan: Plan = FULL) -> Report:
    """Measure everything once. What fails to be measured is a line of the table; the rest goes on."""
    allow_many_files()
    without = installation.add_peers() if plan.install else {}
    report = Report("gateway")
    report.notes.extend(f"{peer}: left out, {why}" for peer, why in without.items())
    report.notes.extend(
        f"{peer}: left out, it is not installed"
        for peer in PEERS
        if peer not in without and not installation.find_program(peer)
    )
    with _folder() as folder:
        for what, measuring in _measurements(report, folder, plan):
            print(f"… {what}", flush=True)
            try:
                asyncio.run(measuring())
            except BenchFailed as failure:
                report.add(f"{what}: NOT MEASURED", "", 0)
                report.notes.append(f"{what}: {failure}")
    return report


def _measurements(
    report: Report, folder: Path, plan: Plan
) -> list[tuple[str, Callable[[], Coroutine[None, None, None]]]]:
    return [
        ("restarts under load", lambda: restarts.measure(report, folder, plan.restarts)),
        ("first waiter after readiness", lambda: waking.measure(report, folder, plan.waking)),
        ("release of a queue", lambda: release.measure(report, folder, plan.release)),
        ("processor time while all is well", lambda: overhead.measure(report, folder, plan.overhead)),
        ("memory of held requests", lambda: memory.measure(report, folder, plan.memory)),
        ("one client floods, others leave", lambda: fairness.measure(report, folder, plan.fairness)),
        ("WebSockets over a restart", lambda: sockets.measure(report, folder, plan.sockets)),
    ]

"""6,000 requests at 200/s over three restarts: what failed, what ran twice, what nobody can say of, for each proxy."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.gateway.client import Call, Outcome, open_loop
from tests.bench.gateway.order import Passing, add_order, waits_of
from tests.bench.gateway.proxy import OURS, Gateway, Proxy, installed_peers, make, start_services
from tests.bench.gateway.service import WORKERS, Executed, Gunicorn

HOWS = {"SIGTERM": "SIGTERM", "SIGKILL": "kill -9", "pause": "pause, drain, restart, resume"}
_SOURCES = 100


@dataclass(frozen=True)
class Restarts:
    """How much is measured. POSTs without a key come on top of the requests, at their own rate."""

    requests: int = 6_000
    rate: float = 200.0
    unkeyed_rate: float = 50.0
    restarts: int = 3
    first_at_s: float = 4.0
    every_s: float = 9.0
    down_s: float = 3.0
    hows: Sequence[str] = tuple(HOWS)
    at_once: int = 2


@dataclass(frozen=True)
class Tally:
    """What became of requests of one kind. A lost one ran and its client saw an error, or the other way round."""

    all: int
    failed: int
    doubled: int
    lost: int
    unknown: int
    kinds: str


def tally(outcomes: Iterable[Outcome], executed: Sequence[Executed]) -> Tally:
    """Count. What the client was told to be unknown failed, but is not lost: that is what it was told."""
    runs = Counter(line.id for line in executed)
    outcomes = list(outcomes)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    changing = [outcome for outcome in outcomes if outcome.call.method == "POST"]
    kinds = Counter(str(outcome.status or "no answer") for outcome in failed)
    return Tally(
        len(outcomes),
        len(failed),
        sum(runs[outcome.call.id] > 1 for outcome in changing),
        sum(outcome.ok != (runs[outcome.call.id] > 0) and not outcome.told_unknown for outcome in changing),
        sum(outcome.told_unknown for outcome in outcomes),
        ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none",
    )


def _calls(plan: Restarts) -> tuple[list[Call], list[Call]]:
    """Return the requests, half of them POSTs with a key, and the POSTs without."""
    body = b'{"lines": []}'
    path = "/api/v1/orders"
    keyed = [
        Call(f"k{number}", "POST", path, f"key-{number}", body, _source(number))
        if number % 2
        else Call(f"g{number}", source=_source(number))
        for number in range(plan.requests)
    ]
    count = int(plan.requests / plan.rate * plan.unkeyed_rate)
    return keyed, [Call(f"u{number}", "POST", "/orders", "", body, _source(number)) for number in range(count)]


def _source(number: int) -> str:
    """Return the address a request comes from: many people's, so that nobody's share is what is measured."""
    return f"127.0.0.{2 + number // 2 % _SOURCES}"


@dataclass
class _Run:
    """One proxy over its restarts."""

    proxy: Proxy
    service: Gunicorn
    how: str
    keyed: Sequence[Outcome] = ()
    unkeyed: Sequence[Outcome] = ()

    async def measure(self, plan: Restarts) -> None:
        keyed, unkeyed = _calls(plan)
        self.keyed, self.unkeyed, _ = await asyncio.gather(
            open_loop(self.proxy.port, keyed, plan.rate, f"{self.how}, {self.proxy.name}"),
            open_loop(self.proxy.port, unkeyed, plan.unkeyed_rate),
            self._restart(plan),
        )

    async def _restart(self, plan: Restarts) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(plan.restarts):
            await asyncio.sleep(max(0.0, began + plan.first_at_s + number * plan.every_s - loop.time()))
            if self.how == "pause" and isinstance(self.proxy, Gateway):
                await self.proxy.order("pause")
                await self.service.away(down_s=plan.down_s, kill=False)
                await self.service.ready()
                await self.proxy.order("resume")
            else:
                await self.service.away(down_s=plan.down_s, kill=self.how == "SIGKILL")


async def measure(report: Report, folder: Path, plan: Restarts) -> None:
    """Measure each way to restart, ours and the peers some at the same time."""
    for how in plan.hows:
        runs = await _runs(folder, how, plan)
        _report(report, how, runs)


async def _runs(folder: Path, how: str, plan: Restarts) -> list[_Run]:
    home = folder / f"restarts-{how}"
    home.mkdir()
    home.chmod(0o755)
    others = start_services(home)
    runs: list[_Run] = []
    try:
        names = [OURS] if how == "pause" else [OURS, *installed_peers()]
        for name in names:
            service = Gunicorn(home, name)
            proxy = make(name, home, {**others.ports, "orders": service.port}, WORKERS)
            runs.append(_Run(proxy, service, how))
        for start in range(0, len(runs), plan.at_once):
            await _together(runs[start : start + plan.at_once], plan)
    finally:
        others.stop()
    return runs


async def _together(runs: Sequence[_Run], plan: Restarts) -> None:
    try:
        for run in runs:
            run.service.start()
        for run in runs:
            await run.service.ready()
            await run.proxy.start()
            if isinstance(run.proxy, Gateway):
                await run.proxy.reaches("up")
        await asyncio.gather(*(run.measure(plan) for run in runs))
    finally:
        for run in runs:
            run.proxy.stop()
            run.service.stop()


def _report(report: Report, how: str, runs: Sequence[_Run]) -> None:
    for kind, wanted in (("half POST with a key", "keyed"), ("POST without a key", "unkeyed")):
        tallies = {run.proxy.name: tally(getattr(run, wanted), run.service.executed()) for run in runs}
        ours = tallies.pop(OURS)
        what = f"{HOWS[how]}, {ours.all:,} {kind}"
        for name, peer in tallies.items():
            report.add(f"{what}: failed", "", ours.failed, peer.failed, f"peer: {name}")
        if not tallies:
            report.add(f"{what}: failed", "", ours.failed, None, "none allowed")
        report.add(f"{what}: doubled", "", ours.doubled, None, "none allowed")
        report.add(f"{what}: lost", "", ours.lost, None, "none allowed")
        for name, each in {OURS: ours, **tallies}.items():
            report.notes.append(
                f"{what}, {name}: failed {each.failed} ({each.kinds}), of these told unknown {each.unknown};"
                f" doubled {each.doubled}, lost {each.lost}"
            )
    for run in runs:
        if isinstance(run.proxy, Gateway):
            add_order(report, HOWS[how], waits_of(run.proxy.lines()))
    passed = {run.proxy.name: _passing(run) for run in runs}
    ours_passed = passed.pop(OURS)
    for name, overtaken in passed.items():
        report.add(
            f"{HOWS[how]}: overtaken by more than the cap, as the service saw it",
            "",
            ours_passed,
            overtaken,
            f"peer: {name}",
        )


def _passing(run: _Run) -> int:
    """Count, independent of any log, who was overtaken on the way to the service by more than it works on at once."""
    due = {outcome.call.id: outcome.due for outcome in [*run.keyed, *run.unkeyed]}
    return Passing(due, [line.id for line in run.service.executed()]).beyond(WORKERS)

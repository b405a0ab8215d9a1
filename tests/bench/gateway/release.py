"""What the service feels when it comes back to a queue: how much at once, how fast, in which order.

A request's time at the service counts from when the service saw it to the client's last byte. The wait in the
gateway's queue is left out on purpose: it is the outage's. Whoever lets too many in at once lengthens what is measured.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.gateway.client import Call, Outcome, closed_loop, open_loop, percentile
from tests.bench.gateway.listener import Listener, Seen
from tests.bench.gateway.order import Passing, add_order, waits_of
from tests.bench.gateway.proxy import OURS, Gateway, Proxy, installed_peers, make, start_services

CAP = 4
WORK_S = 0.01
SLOWDOWN = 2
FIRST_S = 1.0


@dataclass(frozen=True)
class Release:
    """How much is measured. The rate goes on through the outage: newcomers meet whoever waits."""

    rate: float = 200.0
    steady: int = 600
    down_s: float = 3.0
    before_s: float = 1.0
    after_s: float = 3.0


@dataclass(frozen=True)
class Found:
    """What one proxy's release looked like."""

    most: int
    steady_rate: float
    steady_p99_ms: float
    drain_rate: float
    first_p99_ms: float
    overtaken: int
    failed: int


async def measure(report: Report, folder: Path, plan: Release) -> None:
    """Measure all that hold, one after the other."""
    home = folder / "release"
    home.mkdir(mode=0o755)
    others = start_services(home)
    found: dict[str, Found] = {}
    try:
        for name in [OURS, *(name for name in installed_peers() if name != "nginx")]:
            print(f"    release: {name}", flush=True)
            service = Listener(WORK_S, CAP)
            proxy = make(name, home, {**others.ports, "orders": service.port}, CAP)
            try:
                await service.open()
                await proxy.start()
                if isinstance(proxy, Gateway):
                    await proxy.reaches("up")
                found[name] = await _one(proxy, service, plan)
                if isinstance(proxy, Gateway):
                    add_order(report, "one release, newcomers behind it", waits_of(proxy.lines()))
            finally:
                proxy.stop()
                service.close()
    finally:
        others.stop()
    _report(report, found)


async def _one(proxy: Proxy, service: Listener, plan: Release) -> Found:
    began = time.monotonic()
    await closed_loop(proxy.port, (Call(f"c{number}") for number in range(plan.steady)), 4 * CAP)
    steady_rate = plan.steady / (time.monotonic() - began)
    steady = await open_loop(proxy.port, (Call(f"s{number}") for number in range(plan.steady)), plan.rate)
    times = _times(steady, service.seen)
    service.seen.clear()
    count = int(plan.rate * (plan.before_s + plan.down_s + plan.after_s))
    outcomes, _ = await asyncio.gather(
        open_loop(proxy.port, (Call(f"r{number}") for number in range(count)), plan.rate), _away(service, plan)
    )
    waited = [each for each in outcomes if each.due < service.opened_at < each.done and each.ok]
    last = max((each.done for each in waited), default=service.opened_at + plan.after_s)
    released = [seen for seen in service.seen if service.opened_at <= seen.at <= last]
    first = [seen for seen in released if seen.at <= service.opened_at + FIRST_S]
    due = {each.call.id: each.due for each in outcomes}
    return Found(
        service.most,
        steady_rate,
        percentile(times, 0.99),
        len(released) / (last - service.opened_at),
        percentile(_times(outcomes, first), 0.99),
        Passing(due, [seen.id for seen in service.seen]).beyond(CAP),
        sum(not each.ok for each in outcomes),
    )


async def _away(service: Listener, plan: Release) -> None:
    await asyncio.sleep(plan.before_s)
    service.close()
    await asyncio.sleep(plan.down_s)
    service.most = 0
    await service.open()


def _times(outcomes: Sequence[Outcome], seen: Iterable[Seen]) -> list[float]:
    """Return the times at the service, in ms, of those that it saw; of a repeated one, from the last time."""
    done = {each.call.id: each.done for each in outcomes if each.ok}
    last = {each.id: each.at for each in seen}
    return [1000 * (done[name] - at) for name, at in last.items() if name in done]


def _report(report: Report, found: dict[str, Found]) -> None:
    ours = found.pop(OURS)
    report.add("release: requests at the service at once", "", ours.most, CAP, "limit: its workers")
    limit = SLOWDOWN * ours.steady_p99_ms
    report.add(
        "release: p99 at the service, first second", "ms", ours.first_p99_ms, limit, "limit: twice the steady one"
    )
    report.add("release: drained a second", "/s", ours.drain_rate, ours.steady_rate, "steady, all clients busy")
    rows = itertools.product(
        (
            ("requests at the service at once", "", "most"),
            ("p99 at the service, first second", "ms", "first_p99_ms"),
            ("drained a second", "/s", "drain_rate"),
            ("overtaken by more than the cap", "", "overtaken"),
            ("failed", "", "failed"),
        ),
        found,
    )
    for (what, unit, attribute), name in rows:
        peer = getattr(found[name], attribute)
        report.add(f"release: {what}", unit, getattr(ours, attribute), peer, f"peer: {name}")

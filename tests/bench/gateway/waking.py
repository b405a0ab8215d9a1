"""How soon after readiness the first waiter is served: many short outages of one service behind all proxies."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.gateway.client import Call, percentile, send
from tests.bench.gateway.listener import Listener
from tests.bench.gateway.proxy import OURS, Gateway, Proxy, installed_peers, make, start_services

MEDIAN_LIMIT_MS, P99_LIMIT_MS = 50, 150
_CAP = 16


@dataclass(frozen=True)
class Waking:
    """How much is measured. Outages differ in length, so that they end at any point of anybody's interval."""

    outages: int = 40
    shortest_s: float = 0.2
    longest_s: float = 0.7
    waiters: int = 5


async def measure(report: Report, folder: Path, plan: Waking) -> None:
    """Measure all that hold; plain nginx does not."""
    home = folder / "waking"
    home.mkdir(mode=0o755)
    others, service = start_services(home), Listener()
    names = [OURS, *(name for name in installed_peers() if name != "nginx")]
    proxies = [make(name, home, {**others.ports, "orders": service.port}, _CAP) for name in names]
    try:
        await service.open()
        for proxy in proxies:
            await proxy.start()
        waits: dict[str, list[float]] = {name: [] for name in names}
        for number in range(plan.outages):
            await _settle(proxies)
            await _outage(service, proxies, plan, number, waits)
            if number % 10 == 9:
                print(f"    first waiter: {number + 1} of {plan.outages} outages", flush=True)
    finally:
        service.close()
        for proxy in proxies:
            proxy.stop()
        others.stop()
    _report(report, waits)


async def _settle(proxies: Sequence[Proxy]) -> None:
    for proxy in proxies:
        if isinstance(proxy, Gateway):
            await proxy.reaches("up")


async def _outage(
    service: Listener, proxies: Sequence[Proxy], plan: Waking, number: int, waits: dict[str, list[float]]
) -> None:
    service.close()
    service.seen.clear()
    calls = [
        asyncio.create_task(send(proxy.port, Call(f"{proxy.name} {number} {place}")))
        for place in range(plan.waiters)
        for proxy in proxies
    ]
    await asyncio.sleep(random.uniform(plan.shortest_s, plan.longest_s))
    await service.open()
    await asyncio.gather(*calls)
    for proxy in proxies:
        first = min((seen.at for seen in service.seen if seen.id.startswith(f"{proxy.name} ")), default=None)
        if first is not None:
            waits[proxy.name].append(1000 * (first - service.opened_at))


def _report(report: Report, waits: dict[str, list[float]]) -> None:
    ours = waits.pop(OURS)
    what = f"first waiter after readiness, {len(ours)} outages"
    report.add(f"{what}: median", "ms", percentile(ours, 0.5), MEDIAN_LIMIT_MS, "limit")
    report.add(f"{what}: p99", "ms", percentile(ours, 0.99), P99_LIMIT_MS, "limit")
    for name, peer in waits.items():
        report.add(f"{what}: median", "ms", percentile(ours, 0.5), percentile(peer, 0.5), f"peer: {name}")
        report.add(f"{what}: p99", "ms", percentile(ours, 0.99), percentile(peer, 0.99), f"peer: {name}")

"""What a held request weighs, with 2 kB of body and thousands at once; and whether it is given back."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.gateway.client import Call, closed_loop, send
from tests.bench.gateway.listener import Listener
from tests.bench.gateway.proxy import OURS, Gateway, Proxy, gateway, installed_peers, make, start_services

REQUEST_LIMIT_KB, TOGETHER_LIMIT_MB, BACK = 12, 80, 1.1
_CAP = 16
_BODY = b"x" * 2000
_SOURCES = 50
_STEADY_KB = 64
_POLL_S = 0.25


@dataclass(frozen=True)
class Memory:
    """How much is measured."""

    held: int = 5_000
    warm_up: int = 500
    settles_within_s: float = 3.0
    answered_within_s: float = 12.0


@dataclass(frozen=True)
class Weight:
    """What a proxy's processes weigh, in kB, and how many of those held were answered in the end."""

    before: float
    held: float
    after: float
    answered: int


async def measure(report: Report, folder: Path, plan: Memory) -> None:
    """Measure all that hold, one after the other."""
    home = folder / "memory"
    home.mkdir(mode=0o755)
    others = start_services(home)
    weights: dict[str, Weight] = {}
    try:
        for name in [OURS, *(name for name in installed_peers() if name != "nginx")]:
            print(f"    memory: {name}", flush=True)
            service = Listener()
            ports = {**others.ports, "orders": service.port}
            bound = {"GATEWAY_HOLD_REQUESTS": str(2 * plan.held), "GATEWAY_HOLD_S": "60"}
            proxy = gateway(home, ports, **bound) if name == OURS else make(name, home, ports, _CAP)
            try:
                weights[name] = await _weigh(proxy, service, plan)
            finally:
                proxy.stop()
                service.close()
    finally:
        others.stop()
    _report(report, plan, weights)


async def _weigh(proxy: Proxy, service: Listener, plan: Memory) -> Weight:
    await service.open()
    await proxy.start()
    if isinstance(proxy, Gateway):
        await proxy.reaches("up")
    await closed_loop(proxy.port, (_call(number) for number in range(plan.warm_up)), _CAP)
    before = await _settled(proxy, plan)
    service.close()
    waiting = [asyncio.create_task(send(proxy.port, _call(number))) for number in range(plan.held)]
    if isinstance(proxy, Gateway):
        await proxy.waits(plan.held)
    held = await _settled(proxy, plan)
    await service.open()
    answered, late = await asyncio.wait(waiting, timeout=plan.answered_within_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    after = await _settled(proxy, plan, before * BACK)
    return Weight(before, held, after, sum(task.result().ok for task in answered))


def _call(number: int) -> Call:
    source = f"127.0.0.{2 + number % _SOURCES}"
    return Call(f"m{number}", "POST", "/api/v1/orders", f"memory-{number}", _BODY, source)


async def _settled(proxy: Proxy, plan: Memory, wanted: float = 0.0) -> float:
    """Return the weight once it changes no more, or is what is wanted."""
    deadline = time.monotonic() + plan.settles_within_s
    last = proxy.pss_kb()
    while time.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)
        now = proxy.pss_kb()
        if now <= wanted or (not wanted and abs(now - last) < _STEADY_KB):
            return now
        last = now
    return last


def _report(report: Report, plan: Memory, weights: dict[str, Weight]) -> None:
    ours = weights.pop(OURS)
    what = f"{plan.held:,} held with 2 kB of body"
    grown = ours.held - ours.before
    report.add(f"{what}: each", "kB", grown / plan.held, REQUEST_LIMIT_KB, "limit")
    report.add(f"{what}: all, growth of the workers' PSS", "MB", grown / 1024, TOGETHER_LIMIT_MB, "limit")
    report.add(
        f"{what}: after their release", "MB", ours.after / 1024, BACK * ours.before / 1024, "limit: 1.1 of before"
    )
    report.add(f"{what}: answered in the end", "", ours.answered, plan.held, "all")
    for name, peer in weights.items():
        report.add(f"{what}: each", "kB", grown / plan.held, (peer.held - peer.before) / plan.held, f"peer: {name}")
        report.notes.append(
            f"{what}, {name}: {peer.before / 1024:.0f} MB before, {peer.held / 1024:.0f} held,"
            f" {peer.after / 1024:.0f} after; answered {peer.answered:,}"
        )

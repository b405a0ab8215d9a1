"""5,000 clients and a few updates a second: how late they come, and what a restart under that load does to them."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from tests.bench.fanout.actors import Crowd, Seen
from tests.bench.fanout.hall import Hall
from tests.bench.fanout.peer import FASTAPI, FLASK, Kind, Peer, installed
from tests.bench.fanout.service import Realtime
from tests.bench.figures import Report
from tests.bench.gateway.proxy import gateway, start_services

P99_LIMIT_MS = 150
BACK_LIMIT_S = 20
PEAK_LIMIT = 1_000
GATEWAY_UPGRADES_PER_S = 500
_SERVES_AGAIN_WITHIN_S = 60


@dataclass(frozen=True)
class Load:
    """How much is measured. Every second update is an order's, numbered by the publisher: none can be lost unseen."""

    clients: int = 5_000
    workers: int = 2
    updates_per_s: float = 4.0
    normal_s: float = 10.0
    before_s: float = 1.0
    connect_per_s: int = 1_000
    within_s: float = 60.0
    peers: bool = True


async def measure(report: Report, hall: Hall, plan: Load) -> None:
    """Measure latencies, a drain and a crash at realtime's own port, the drain through the gateway, and the peers."""
    async with hall.realtime(plan.workers) as realtime, hall.crowd(realtime.port, plan.clients) as crowd:
        await crowd.enter(plan.clients, plan.connect_per_s, plan.within_s)
        await _latencies(report, hall, crowd, plan)
        for how, number in (("SIGTERM", signal.SIGTERM), ("kill -9", signal.SIGKILL)):
            await _restart(report, hall, realtime, crowd, plan, how, number)
    async with _through_gateway(hall, plan) as (realtime, crowd):
        await _restart(report, hall, realtime, crowd, plan, "SIGTERM, through the gateway", signal.SIGTERM)
    if plan.peers and installed():
        for kind in (FLASK, FASTAPI):
            await _peer_latencies(report, hall, kind, plan)


async def _latencies(report: Report, hall: Hall, crowd: Crowd, plan: Load) -> None:
    print(f"    {plan.clients:,} clients, {plan.updates_per_s:g} updates a second", flush=True)
    seen = await _under_load(hall, crowd, plan, lambda: asyncio.sleep(plan.normal_s))
    what = f"{plan.clients:,} clients, {plan.updates_per_s:g} updates/s, {plan.workers} workers: publish to client"
    report.add(f"{what}, p50", "ms", seen.p50_ms)
    report.add(f"{what}, p99", "ms", seen.p99_ms, P99_LIMIT_MS, "limit")
    report.notes.append(f"{what}: {seen.latencies:,} messages, the latest {seen.max_ms:.0f} ms; {seen.troubles}")


async def _under_load(hall: Hall, crowd: Crowd, plan: Load, meanwhile: Callable[[], Awaitable[object]]) -> Seen:
    """Publish steadily while something happens; return what was seen until everything had arrived."""
    crowd.tell("reset")
    publishing = asyncio.create_task(
        hall.stage.do("steady", kind="both", rate=plan.updates_per_s, seconds=plan.within_s * 2)
    )
    try:
        await meanwhile()
    finally:
        await hall.stage.do("rest")
        last = (await publishing)["numbered"]
    return await crowd.until(
        lambda seen: seen.is_whole and seen.lowest == last, plan.within_s, f"message {last} reaches everybody"
    )


async def _restart(
    report: Report, hall: Hall, realtime: Realtime, crowd: Crowd, plan: Load, how: str, number: signal.Signals
) -> None:
    """Restart every worker at once, and wait until all clients are back."""
    print(f"    restart under load: {how}", flush=True)
    began_us = took_s = 0.0

    async def restart() -> None:
        nonlocal began_us, took_s
        await asyncio.sleep(plan.before_s)
        crowd.tell("reset")
        began_us = (await crowd.report()).now_us
        began = time.monotonic()
        restarting = asyncio.create_task(realtime.restart(number))
        await crowd.until(lambda seen: not seen.is_whole, plan.within_s, "somebody is cut")
        took_s = await restarting
        await crowd.until(
            lambda seen: seen.is_whole and seen.opened >= plan.clients, plan.within_s, f"all are back after {how}"
        )
        await asyncio.sleep(max(0.0, began + plan.before_s - time.monotonic()))

    seen = await _under_load(hall, crowd, plan, restart)
    what = f"restart of {plan.workers} workers under that load, {how}"
    lost = seen.lost + seen.gaps + seen.unrecovered
    report.add(f"{what}: events lost", "", lost, None, "none allowed")
    report.add(f"{what}: all back within", "s", (seen.all_open_us - began_us) / 1e6, BACK_LIMIT_S, "limit")
    report.add(f"{what}: connects in the fullest second", "", seen.peak_per_s, PEAK_LIMIT, "limit")
    report.notes.append(f"{what}: ended and ready again after {took_s:.1f} s; {seen.troubles}")


@contextlib.asynccontextmanager
async def _through_gateway(hall: Hall, plan: Load) -> AsyncIterator[tuple[Realtime, Crowd]]:
    """Lend a service and clients that come through the gateway."""
    home = hall.folder / "gateway"
    home.mkdir(mode=0o755, exist_ok=True)
    others = start_services(home)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(others.stop)
        realtime = await stack.enter_async_context(hall.realtime(plan.workers))
        proxy = gateway(
            home,
            {**others.ports, "realtime": realtime.port},
            GATEWAY_UPGRADES_PER_S=str(GATEWAY_UPGRADES_PER_S),
            GATEWAY_CONNECTIONS="16000",
            GATEWAY_HOLD_REQUESTS="10000",
            REALTIME_HTTP_UPSTREAM=f"127.0.0.1:{realtime.http_ports[0]}",
        )
        stack.callback(proxy.stop)
        await proxy.start()
        await proxy.reaches("up", "realtime")
        crowd = await stack.enter_async_context(hall.crowd(proxy.port, plan.clients))
        await crowd.enter(plan.clients, plan.connect_per_s, plan.within_s)
        yield realtime, crowd


async def _peer_latencies(report: Report, hall: Hall, kind: Kind, plan: Load) -> None:
    print(f"    {plan.clients:,} clients, {plan.updates_per_s:g} updates a second: {kind.title}", flush=True)
    peer = Peer(kind, hall.folder)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(peer.stop)
        await peer.start()
        crowd = await peer.crowd(hall.program)
        stack.push_async_callback(crowd.end)
        began = time.monotonic()
        before_kb = peer.pss_kb()
        await crowd.enter(plan.clients, plan.connect_per_s, plan.within_s)
        entered_s = time.monotonic() - began
        each_kb = (peer.pss_kb() - before_kb) / plan.clients
        crowd.tell("reset")
        updates = int(plan.normal_s * plan.updates_per_s / 2)
        for _ in range(updates):
            await peer.publish(1)
            await asyncio.sleep(1 / plan.updates_per_s)
        seen = await crowd.until(lambda seen: seen.news >= updates * plan.clients, plan.within_s, "all is delivered")
    what = f"{kind.title}, one process, the same load"
    report.notes.append(
        f"{what}: p50 {seen.p50_ms:.0f} ms, p99 {seen.p99_ms:.0f} ms; {each_kb:.1f} kB a connection; {plan.clients:,}"
        f" connected in {entered_s:.1f} s"
    )

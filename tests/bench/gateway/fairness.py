"""One client that floods the queue, and clients that leave it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.gateway.client import Call, Outcome, open_loop, percentile, send
from tests.bench.gateway.launch import until
from tests.bench.gateway.listener import Listener
from tests.bench.gateway.proxy import Gateway, gateway, start_services

REFUSAL_LIMIT_MS = 5
QUEUE = 2_000
_GAUGES = ("gateway_waiting", "gateway_in_flight", "gateway_held_bytes")
_EMPTIES_WITHIN_S = 5


@dataclass(frozen=True)
class Fairness:
    """How much is measured. `others` have an address each."""

    flood: int = 5_000
    queue: int = QUEUE
    others: int = 40
    others_rate: float = 100.0
    others_s: float = 4.0
    refusals: int = 200
    gone: int = 400


async def measure(report: Report, folder: Path, plan: Fairness) -> None:
    """Measure both, each in an outage of its own."""
    home = folder / "fairness"
    home.mkdir(mode=0o755)
    others, service = start_services(home), Listener()
    ports = {**others.ports, "orders": service.port}
    proxy = gateway(home, ports, GATEWAY_HOLD_REQUESTS=str(plan.queue))
    try:
        await service.open()
        await proxy.start()
        await proxy.reaches("up")
        print("    fairness: one client floods", flush=True)
        await _flood(report, proxy, service, plan)
        print("    fairness: half of the clients leave", flush=True)
        await _leave(report, proxy, service, plan)
    finally:
        proxy.stop()
        service.close()
        others.stop()


async def _flood(report: Report, proxy: Gateway, service: Listener, plan: Fairness) -> None:
    service.close()
    flood = [asyncio.create_task(send(proxy.port, Call(f"f{number}"))) for number in range(plan.flood)]
    await proxy.waits(plan.queue)
    # Whoever finds no place has its answer by now: what follows is measured without them.
    await until(lambda: _refused(flood, plan.flood - plan.queue), _EMPTIES_WITHIN_S, "what is too much is refused")
    calls = [
        Call(f"o{number}", source=f"127.0.0.{2 + number % plan.others}")
        for number in range(int(plan.others_rate * plan.others_s))
    ]
    people = asyncio.create_task(open_loop(proxy.port, calls, plan.others_rate))
    refusals = [await send(proxy.port, Call(f"r{number}")) for number in range(plan.refusals)]
    await asyncio.sleep(plan.others_s)
    await service.open()
    outcomes = await people
    await asyncio.gather(*flood)
    report.add(
        "one client floods: others served", "%", 100 * sum(each.ok for each in outcomes) / len(outcomes), 100, "must"
    )
    _add_refusals(report, refusals)
    served = sum(task.result().ok for task in flood)
    report.notes.append(f"one client floods: {served:,} of its {plan.flood:,} were served, in the end")


async def _refused(tasks: Sequence[asyncio.Task[Outcome]], number: int) -> bool:
    return sum(task.done() for task in tasks) >= number


def _add_refusals(report: Report, refusals: Sequence[Outcome]) -> None:
    times = [1000 * each.latency_s for each in refusals if each.status == 503]
    bare = sum(each.status != 503 or "retry-after" not in each.headers for each in refusals)
    report.add("full queue: refused in, median", "ms", percentile(times, 0.5), REFUSAL_LIMIT_MS, "limit")
    report.add("full queue: refused in, p99", "ms", percentile(times, 0.99), REFUSAL_LIMIT_MS, "limit")
    report.add("full queue: not answered with 503 and Retry-After", "", bare, None, "none allowed")


async def _leave(report: Report, proxy: Gateway, service: Listener, plan: Fairness) -> None:
    await proxy.reaches("up")
    service.close()
    service.seen.clear()
    calls = [
        Call(f"l{number}", "POST", "/api/v1/orders", f"leave-{number}", b"{}", f"127.0.0.{2 + number % plan.others}")
        for number in range(plan.gone)
    ]
    tasks = [asyncio.create_task(send(proxy.port, call)) for call in calls]
    await proxy.waits(plan.gone)
    for task in tasks[::2]:
        task.cancel()

    async def left() -> bool:
        return await proxy.metric("gateway_waiting") <= plan.gone - len(tasks[::2])

    await until(left, _EMPTIES_WITHIN_S, "who left is out of the queue")
    await service.open()
    stayed = await asyncio.gather(*tasks[1::2])
    sent = {seen.id for seen in service.seen}

    async def empty() -> bool:
        return not any([await proxy.metric(gauge) for gauge in _GAUGES])

    await until(empty, _EMPTIES_WITHIN_S, f"{', '.join(_GAUGES)} are 0")
    what = f"{len(tasks[::2])} of {plan.gone} held clients leave"
    report.add(f"{what}: sent for them", "", sum(call.id in sent for call in calls[::2]), None, "none allowed")
    report.add(f"{what}: the others served", "", sum(each.ok for each in stayed), len(stayed), "all")
    report.add(
        f"{what}: left in the counters", "", sum([await proxy.metric(gauge) for gauge in _GAUGES]), None, "none allowed"
    )

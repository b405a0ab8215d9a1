"""nats-server is killed and comes back: how soon news flow again, and whether any is missing."""

import asyncio
from dataclasses import dataclass

from tests.bench.fanout.hall import Hall
from tests.bench.figures import Report

RESUMED_LIMIT_S = 3


@dataclass(frozen=True)
class Outage:
    """How much is measured."""

    clients: int = 1_000
    workers: int = 2
    updates_per_s: float = 4.0
    before_s: float = 2.0
    down_s: float = 10.0
    connect_per_s: int = 2_000
    within_s: float = 60.0


async def measure(report: Report, hall: Hall, plan: Outage) -> None:
    """Publish orders throughout; the publisher keeps what NATS has not acknowledged and is back within 50 ms."""
    stage = hall.stage
    async with hall.realtime(plan.workers) as realtime, hall.crowd(realtime.port, plan.clients) as crowd:
        await crowd.enter(plan.clients, plan.connect_per_s)
        publishing = asyncio.create_task(
            stage.do("steady", kind="order", rate=plan.updates_per_s, seconds=plan.within_s * 2)
        )
        await asyncio.sleep(plan.before_s)
        print(f"    nats-server is away for {plan.down_s:.0f} s", flush=True)
        await stage.do("kill_nats")
        await asyncio.sleep(plan.down_s)
        before = await crowd.report()
        listens_us = (await stage.do("start_nats"))["listens_us"]
        first = await crowd.until(lambda seen: seen.highest > before.highest, plan.within_s, "news come again")
        # Everybody has the first message after the outage: each worker has found back.
        all_have = await crowd.until(lambda seen: seen.lowest > before.highest, plan.within_s, "news for everybody")
        await stage.do("rest")
        last = (await publishing)["numbered"]
        seen = await crowd.until(lambda seen: seen.lowest == last, plan.within_s, "all news arrived")
    what = f"nats-server killed, {plan.down_s:.0f} s down"
    report.add(
        f"{what}: order news for all resume after", "s", (all_have.now_us - listens_us) / 1e6, RESUMED_LIMIT_S, "limit"
    )
    report.add(f"{what}: gaps, lost, not recovered", "", seen.gaps + seen.lost + seen.unrecovered, None, "none allowed")
    report.add(f"{what}: doubled", "", seen.doubled, None, "none allowed")
    report.notes.append(
        f"{what}: {plan.workers} workers, the first client had news {(first.now_us - listens_us) / 1e6:.1f} s after"
        f" nats-server listened again; {seen.troubles}"
    )

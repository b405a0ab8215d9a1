"""Minutes of ordinary life: people come and go, cables are pulled, some read slowly. What is lost, is memory flat?"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression

from tests.bench.fanout.actors import Crowd
from tests.bench.fanout.hall import Hall
from tests.bench.fanout.service import Realtime
from tests.bench.figures import Report

# Over hours it would be found: 1 MB a minute is what the process weighs in one.
SLOPE_LIMIT_KB_PER_MIN = 200


@dataclass(frozen=True)
class Soak:
    """How much is measured."""

    minutes: float = 2.0
    clients: int = 1_000
    updates_per_s: float = 10.0
    churned_per_s: int = 40
    away_ms: int = 1_000
    stalled: int = 10
    stall_s: float = 8.0
    offers: int = 20
    sample_s: float = 1.0
    remembered: int = 2_100
    connect_per_s: int = 2_000
    within_s: float = 60.0


async def measure(report: Report, hall: Hall, plan: Soak) -> None:
    """Live for so long."""
    async with hall.realtime() as realtime, hall.crowd(realtime.port, plan.clients) as crowd:
        # What realtime remembers of a channel is full before anybody comes: what grows then has no such reason.
        await hall.stage.do("publish", kind="order", count=plan.remembered)
        await hall.stage.do("publish", kind="offers", count=plan.remembered // plan.offers, offers=plan.offers)
        await crowd.enter(plan.clients, plan.connect_per_s)
        crowd.tell("reset")
        publishing = asyncio.create_task(
            hall.stage.do(
                "steady", kind="both", rate=plan.updates_per_s, seconds=60 * plan.minutes * 2, offers=plan.offers
            )
        )
        weights = await _live(realtime, crowd, plan)
        await hall.stage.do("rest")
        last = (await publishing)["numbered"]
        crowd.tell("resume")
        seen = await crowd.until(
            lambda seen: seen.is_whole and seen.lowest == last, plan.within_s, "everybody knows everything"
        )
        evicted = await realtime.metric('realtime_closes_total{code="4008"}')
    what = f"soak of {plan.minutes:g} minutes, {plan.churned_per_s} of {plan.clients:,} clients replaced a second"
    slope = slope_kb_per_min(weights)
    report.add(f"{what}: slope of its own memory, second half", "kB/min", slope, SLOPE_LIMIT_KB_PER_MIN, "limit")
    report.add(f"{what}: gaps, lost", "", seen.gaps + seen.lost, None, "none allowed")
    report.add(f"{what}: doubled", "", seen.doubled, None, "none allowed")
    megabytes = f"{weights[0][1] / 1024:.1f} MB at first, {weights[-1][1] / 1024:.1f} at last"
    report.notes.append(
        f"{what}: {megabytes}; {seen.opened:,} connects, {seen.recovered:,} channels recovered, {seen.unrecovered} told"
        f" to fetch the state, {evicted:.0f} evicted, {seen.news:,} messages in {seen.frames:,} frames, p99"
        f" {seen.p99_ms:.0f} ms (from publishing, so with the absence of those who were away); {seen.troubles}"
    )


async def _live(realtime: Realtime, crowd: Crowd, plan: Soak) -> Sequence[tuple[float, float]]:
    """Return moments in minutes, and what the process weighed at each in kB."""
    began = time.monotonic()
    weights: list[tuple[float, float]] = []
    stalling = asyncio.create_task(_stall_now_and_then(crowd, plan))
    try:
        for number in itertools.count(1):
            crowd.tell("churn", int(plan.churned_per_s * plan.sample_s), plan.away_ms)
            await asyncio.sleep(max(0.0, began + number * plan.sample_s - time.monotonic()))
            weights.append(((time.monotonic() - began) / 60, realtime.own_kb()))
            if weights[-1][0] >= plan.minutes:
                return weights
            if number % round(30 / plan.sample_s) == 0:
                print(f"    soak: {weights[-1][0]:.1f} minutes, {weights[-1][1] / 1024:.1f} MB", flush=True)
    finally:
        stalling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stalling
    return weights


async def _stall_now_and_then(crowd: Crowd, plan: Soak) -> None:
    while True:
        crowd.tell("stall", plan.stalled)
        await asyncio.sleep(plan.stall_s)
        crowd.tell("resume")
        await asyncio.sleep(plan.stall_s / 4)


def slope_kb_per_min(weights: Sequence[tuple[float, float]]) -> float:
    """Return by how much the weight grows a minute in the second half; the first fills buffers and rings."""
    half = weights[len(weights) // 2 :]
    if len(half) < 2:
        return 0.0
    return linear_regression([at for at, _ in half], [weight for _, weight in half]).slope

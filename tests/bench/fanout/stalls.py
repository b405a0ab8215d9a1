"""Some clients stop reading: what the others notice, how soon those are let go, what they cost meanwhile."""

import asyncio
import time
from dataclasses import dataclass

from tests.bench.fanout.actors import Crowd, Seen
from tests.bench.fanout.hall import Hall
from tests.bench.fanout.service import Realtime
from tests.bench.figures import Report

SLOWDOWN = 1.1
EVICTED_LIMIT_S = 10
GROWTH_LIMIT_KB = 64
_TOO_SLOW = 'realtime_closes_total{code="4008"}'
_POLL_S = 0.1


@dataclass(frozen=True)
class Stalls:
    """How much is measured: frames of 6 kB, or the kernel's buffers alone would last for minutes."""

    clients: int = 1_000
    stalled: int = 50
    updates_per_s: float = 16.0
    offers: int = 30
    turns: int = 3
    turn_s: float = 8.0
    evicted_within_s: float = 45.0
    connect_per_s: int = 2_000
    within_s: float = 60.0


async def measure(report: Report, hall: Hall, plan: Stalls) -> None:
    """Measure with and without, in turn."""
    async with hall.realtime() as realtime, hall.crowd(realtime.port, plan.clients) as crowd:
        await crowd.enter(plan.clients, plan.connect_per_s)
        run = _Run(hall, realtime, crowd, plan)
        await run.publishing(plan.turn_s)
        for turn in range(plan.turns):
            print(f"    {plan.stalled} of {plan.clients:,} stall: turn {turn + 1} of {plan.turns}", flush=True)
            run.without.append(await run.publishing(plan.turn_s))
            await run.with_stalled()
        _report(report, run)


class _Run:
    """All turns of one service."""

    def __init__(self, hall: Hall, realtime: Realtime, crowd: Crowd, plan: Stalls) -> None:
        self.hall, self.realtime, self.crowd, self.plan = hall, realtime, crowd, plan
        self.without: list[Seen] = []
        self.stalling: list[Seen] = []
        self.after: list[Seen] = []
        self.evicted_s: list[float] = []
        self.growth_kb: list[float] = []

    async def publishing(self, seconds: float) -> Seen:
        """Publish for so long; return what was seen."""
        self.crowd.tell("reset")
        await self._publish(seconds)
        return await self.crowd.report()

    async def with_stalled(self) -> None:
        """Let some stall until the last of them is let go, then read on and come back."""
        plan = self.plan
        before_kb, evicted_before = float(self.realtime.own_kb()), await self.realtime.metric(_TOO_SLOW)
        self.crowd.tell("stall", plan.stalled)
        self.crowd.tell("reset")
        publishing = asyncio.create_task(self._publish(plan.evicted_within_s))
        began, most_kb = time.monotonic(), before_kb
        while (gone := await self.realtime.metric(_TOO_SLOW) - evicted_before) < plan.stalled:
            most_kb = max(most_kb, self.realtime.own_kb())
            if time.monotonic() - began > plan.evicted_within_s:
                break
            await asyncio.sleep(_POLL_S)
        self.evicted_s.append(time.monotonic() - began)
        self.growth_kb.append(max(0.0, most_kb - before_kb) / plan.stalled)
        await asyncio.sleep(max(0.0, began + plan.turn_s - time.monotonic()))
        self.stalling.append(await self.crowd.report())
        await self.hall.stage.do("rest")
        await publishing
        self.crowd.tell("resume")
        self.after.append(
            await self.crowd.until(
                lambda seen: seen.is_whole and not seen.stalled and seen.opened >= gone,
                plan.within_s,
                "the stalled ones are back",
            )
        )

    async def _publish(self, seconds: float) -> None:
        await self.hall.stage.do(
            "steady", kind="offers", rate=self.plan.updates_per_s, seconds=seconds, offers=self.plan.offers
        )


def _report(report: Report, run: _Run) -> None:
    plan = run.plan
    what = f"{plan.stalled} of {plan.clients:,} clients stall"
    # The quietest turn of each: this machine's noise only ever adds.
    normal, stalling = min(seen.p99_ms for seen in run.without), min(seen.p99_ms for seen in run.stalling)
    report.add(f"{what}: p99 of the others", "ms", stalling, SLOWDOWN * normal, "limit: 1.1 of without")
    report.add(f"{what}: the last one evicted after", "s", max(run.evicted_s), EVICTED_LIMIT_S, "limit")
    report.add(f"{what}: memory for each of them", "kB", max(run.growth_kb), GROWTH_LIMIT_KB, "limit")
    wrong = sum(seen.gaps + seen.doubled + seen.unrecovered for seen in run.after)
    report.add(f"{what}: gaps, doubled, not recovered once they are back", "", wrong, None, "none allowed")
    without, with_them = (", ".join(f"{seen.p99_ms:.1f}" for seen in seens) for seens in (run.without, run.stalling))
    size = run.stalling[0].bytes / max(1, run.stalling[0].frames)
    report.notes.append(
        f"{what}: p99 without {without} ms, with {with_them} ms; evicted after"
        f" {', '.join(f'{each:.1f}' for each in run.evicted_s)} s; frames of {size:,.0f} bytes,"
        f" {plan.updates_per_s:g} a second; once they read again: {run.after[-1].troubles}"
    )

"""Clients that only stand there: what they weigh, what they cost while nothing happens, and all dropped at once."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fanout.actors import Crowd
from tests.bench.fanout.hall import CHANNELS, Hall
from tests.bench.fanout.service import Realtime
from tests.bench.figures import Report

CONNECTION_LIMIT_KB = 18
IDLE_LIMIT_PERCENT = 3
RECOVERED_LIMIT_S = 5
_PAGE_KB = 4


@dataclass(frozen=True)
class Standing:
    """How much is measured."""

    clients: int = 10_000
    warm_up: int = 100
    idle_clients: int = 5_000
    idle_s: float = 30.0
    missed: int = 20
    settle_s: float = 2.0
    connect_per_s: int = 2_000
    within_s: float = 90.0


async def measure(report: Report, hall: Hall, plan: Standing) -> None:
    """Measure all three with one service."""
    async with hall.realtime() as realtime, hall.crowd(realtime.port, plan.clients) as crowd:
        report.add("an idle process without clients, PSS", "MB", realtime.pss_kb() / 1024)
        await _weigh(report, realtime, crowd, plan)
        crowd.tell("forget", plan.clients - plan.idle_clients)
        await _idle(report, realtime, crowd, plan)
        await _drop(report, hall, crowd, plan)


async def _weigh(report: Report, realtime: Realtime, crowd: Crowd, plan: Standing) -> None:
    """Weigh the process without and with its clients; the first few, who have everything imported, count for nobody."""
    print(f"    {plan.clients:,} connect", flush=True)
    await crowd.enter(plan.warm_up, plan.connect_per_s, plan.within_s)
    await asyncio.sleep(plan.settle_s)
    before_kb, kernel_before_kb, cpu_before = realtime.own_kb(), _kernel_kb(), realtime.processor_ns()
    more = plan.clients - plan.warm_up
    await crowd.enter(more, plan.connect_per_s, plan.within_s)
    connect_ms = (realtime.processor_ns() - cpu_before) / 1e6 / more
    await asyncio.sleep(plan.settle_s)
    each_kb = (realtime.own_kb() - before_kb) / more
    what = f"memory per connection, {len(CHANNELS)} channels, {plan.clients:,} connections"
    report.add(what, "kB", each_kb, CONNECTION_LIMIT_KB, "limit")
    kernel_kb = (_kernel_kb() - kernel_before_kb) / more
    report.notes.append(
        f"{what}: growth of the process's own memory; in the kernel {kernel_kb:.1f} kB more for both ends (slabs"
        f" and TCP buffers of the whole machine); connecting took {connect_ms:.2f} ms of processor time each"
    )


async def _idle(report: Report, realtime: Realtime, crowd: Crowd, plan: Standing) -> None:
    print(f"    {plan.idle_clients:,} idle for {plan.idle_s:.0f} s", flush=True)
    await crowd.until(lambda seen: seen.is_whole, plan.within_s, "the others are gone")
    await asyncio.sleep(plan.settle_s)
    crowd.tell("reset")
    before_ns = realtime.processor_ns()
    await asyncio.sleep(plan.idle_s)
    used = (realtime.processor_ns() - before_ns) / 1e9 / plan.idle_s
    seen = await crowd.report()
    what = f"idle with {plan.idle_clients:,} connections"
    report.add(f"{what}: of a core", "%", 100 * used, IDLE_LIMIT_PERCENT, "limit")
    report.notes.append(f"{what}: {seen.frames:,} pings answered in {plan.idle_s:.0f} s; {seen.troubles}")


async def _drop(report: Report, hall: Hall, crowd: Crowd, plan: Standing) -> None:
    """Pull all cables at once, publish, and let all come back at once from where each was."""
    print(f"    {plan.idle_clients:,} dropped at once", flush=True)
    before = (await hall.stage.do("publish", kind="order", count=1))["numbered"]
    await crowd.until(lambda seen: seen.lowest == before, plan.within_s, "one message for all")
    crowd.tell("drop", plan.idle_clients)
    after = (await hall.stage.do("publish", kind="order", count=plan.missed))["numbered"]
    crowd.tell("reset")
    began_us = (await crowd.report()).now_us
    crowd.tell("reconnect", 0)
    seen = await crowd.until(lambda seen: seen.is_whole and seen.lowest == after, plan.within_s, "all recovered")
    what = f"{plan.idle_clients:,} dropped at once, {plan.missed} missed each"
    took_s = (max(seen.all_open_us, seen.last_news_us) - began_us) / 1e6
    report.add(f"{what}: all recovered within", "s", took_s, RECOVERED_LIMIT_S, "limit")
    report.add(f"{what}: gaps, lost, not recovered", "", seen.gaps + seen.lost + seen.unrecovered, None, "none allowed")
    report.add(f"{what}: doubled", "", seen.doubled, None, "none allowed")
    report.add(f"{what}: recovered messages", "", seen.numbered, plan.missed * plan.idle_clients, "all of them")
    report.notes.append(
        f"{what}: {seen.peak_per_s:,} connects in the fullest second; realtime has no database to read; {seen.troubles}"
    )


def _kernel_kb() -> float:
    """Return what the kernel keeps: its slabs, and the pages in TCP's buffers."""
    slab = re.search(r"^Slab:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    buffers = re.search(r"^TCP:.* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    return float(slab[1] if slab else 0) + _PAGE_KB * float(buffers[1] if buffers else 0)

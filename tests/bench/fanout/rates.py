"""What a server delivers for a second of one core: single updates beside the peers, and updates coalesced by the tick.

All servers run at the same time with their clients connected, and are measured in turn. Messages are published as long
as few are under way, so that a server is kept busy and its queues stay short. Its processor time is the kernel's.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.fanout.actors import Crowd, Seen
from tests.bench.fanout.hall import Hall
from tests.bench.fanout.peer import FASTAPI, FLASK, FLOOR, KINDS, WEBSOCKETS, Kind, Peer, installed
from tests.bench.fanout.service import Realtime
from tests.bench.figures import Report

SINGLE_LIMIT = 90_000
COALESCED_LIMIT = 500_000
_MUST_BE: dict[Kind, str] = {
    FLASK: "must be 5 at least",
    FASTAPI: "must be 1.8 at least",
    WEBSOCKETS: "must be 1.3 at least",
    FLOOR: "the floor",
}
_POLL_S = 0.002
# Clients look at their sockets this seldom, in microseconds, so that reading costs much less than writing.
_REST_US = 10_000
_OURS = "ours"


@dataclass(frozen=True)
class Rates:
    """How much is measured."""

    clients: int = 1_000
    rounds: int = 5
    round_s: float = 1.2
    under_way: int = 32
    at_once: int = 8
    # A little less often than the tick, so that each event is a frame of its own.
    ticks_per_s: float = 18.0
    per_tick: int = 8
    connect_per_s: int = 2_000
    within_s: float = 60.0


@dataclass(frozen=True)
class Round:
    """One turn of one server."""

    delivered_per_core_s: float
    news_per_frame: float
    bytes_per_frame: float
    crowd_share: float


@dataclass
class _Runner:
    """One server with its clients."""

    crowd: Crowd
    publish: Callable[[int], Awaitable[object]]
    processor_ns: Callable[[], int]

    async def measured(self, work: Callable[[], Awaitable[Seen]]) -> Round:
        """Return what the work came to."""
        self.crowd.tell("rest", _REST_US)
        self.crowd.tell("reset")
        before_s, before_ns = (await self.crowd.report()).cpu_s, self.processor_ns()
        seen = await work()
        used_s = (self.processor_ns() - before_ns) / 1e9
        return Round(
            seen.news / used_s, seen.news / seen.frames, seen.bytes / seen.frames, (seen.cpu_s - before_s) / used_s
        )

    async def saturate(self, plan: Rates) -> Seen:
        """Publish for so long as fast as it keeps up."""
        deadline, sent = time.monotonic() + plan.round_s, 0
        while time.monotonic() < deadline:
            seen = await self.crowd.report()
            if sent - seen.news / plan.clients < plan.under_way:
                await self.publish(plan.at_once)
                sent += plan.at_once
            else:
                await asyncio.sleep(_POLL_S)
        wanted = sent * plan.clients
        return await self.crowd.until(lambda seen: seen.news >= wanted, plan.within_s, f"{sent} messages at all")


async def measure(report: Report, hall: Hall, plan: Rates) -> None:
    """Measure single updates in turn with the peers, then coalesced ones."""
    async with contextlib.AsyncExitStack() as stack:
        realtime = await stack.enter_async_context(hall.realtime())
        crowd = await stack.enter_async_context(hall.crowd(realtime.port, plan.clients))
        await crowd.enter(plan.clients, plan.connect_per_s)
        ours = _Runner(crowd, lambda count: hall.stage.do("publish", kind="order", count=count), realtime.processor_ns)
        runners: dict[str, _Runner] = {_OURS: ours}
        for kind in KINDS if installed() else ():
            runners[kind.title] = await _peer(stack, hall, kind, plan)
        rounds: dict[str, list[Round]] = {name: [] for name in runners}
        for number in range(plan.rounds):
            print(f"    single updates: round {number + 1} of {plan.rounds}", flush=True)
            for name, runner in runners.items():
                rounds[name].append(await runner.measured(lambda runner=runner: runner.saturate(plan)))  # type: ignore[misc]
        _report_single(report, plan, rounds)
    async with hall.realtime() as realtime, hall.crowd(realtime.port, plan.clients) as crowd:
        await crowd.enter(plan.clients, plan.connect_per_s)
        await _coalesced(report, hall, realtime, crowd, plan)


async def _peer(stack: contextlib.AsyncExitStack, hall: Hall, kind: Kind, plan: Rates) -> _Runner:
    peer = Peer(kind, hall.folder)
    stack.push_async_callback(peer.stop)
    await peer.start()
    crowd = await peer.crowd(hall.program)
    stack.push_async_callback(crowd.end)
    await crowd.enter(plan.clients, plan.connect_per_s)
    return _Runner(crowd, peer.publish, peer.processor_ns)


async def _coalesced(report: Report, hall: Hall, realtime: Realtime, crowd: Crowd, plan: Rates) -> None:
    """Measure how many updates go through when so many offers change in each tick."""
    runner = _Runner(crowd, lambda _: hall.stage.do("rest"), realtime.processor_ns)
    rounds = []
    what = f"{plan.per_tick} updates per tick, coalesced"

    async def ticks() -> Seen:
        done = await hall.stage.do(
            "steady", kind="offers", rate=plan.ticks_per_s, seconds=plan.round_s, offers=plan.per_tick
        )
        wanted = done["events"] * plan.per_tick * plan.clients
        return await crowd.until(lambda seen: seen.news >= wanted, plan.within_s, what)

    for number in range(plan.rounds):
        print(f"    {what}: round {number + 1} of {plan.rounds}", flush=True)
        rounds.append(await runner.measured(ticks))
    ours = median(each.delivered_per_core_s for each in rounds)
    report.add(f"{what}: per core-second", "", ours, COALESCED_LIMIT, "limit, at least")
    report.notes.append(f"{what}: {_detail(rounds)}")


def _report_single(report: Report, plan: Rates, rounds: dict[str, list[Round]]) -> None:
    what = f"single updates to {plan.clients:,} clients: per core-second"
    middle = {name: median(each.delivered_per_core_s for each in turns) for name, turns in rounds.items()}
    report.add(what, "", middle[_OURS], SINGLE_LIMIT, "limit, at least")
    for kind in KINDS:
        if kind.title in middle:
            report.add(what, "", middle[_OURS], middle[kind.title], f"{kind.title}; {_MUST_BE[kind]}")
    for name, turns in rounds.items():
        report.notes.append(f"single updates, {name}: {_detail(turns)}")


def _detail(rounds: Sequence[Round]) -> str:
    rates = ", ".join(f"{each.delivered_per_core_s:,.0f}" for each in rounds)
    last = rounds[-1]
    return (
        f"rounds {rates}; {last.news_per_frame:.1f} messages and {last.bytes_per_frame:,.0f} bytes a frame;"
        f" the clients took {last.crowd_share:.2f} of the server's processor time"
    )

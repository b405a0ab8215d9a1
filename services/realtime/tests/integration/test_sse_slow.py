"""Readers of streams that are slow, or stop: caught up from memory, or ended; the others notice nothing."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Callable
from typing import Any

from harness import Publisher, Start

Eventually = Callable[..., Any]
Open = Callable[..., Any]


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


async def fill(publish: Publisher, cycle: str, version: int) -> None:
    await publish.offers(cycle, *((f"offer-{n}", n, version) for n in range(200)))


async def test_a_reader_that_pauses_is_caught_up_from_memory(
    start: Start, sources: Open, publish: Publisher, eventually: Eventually
) -> None:
    process, cycle = start(), fresh("cycle")
    slow = await sources(process, f"cycle:{cycle}", reads=False, small=True, person="p-slow")
    quick = await sources(process, f"cycle:{cycle}", person="p-quick")
    await quick.answers(f"cycle:{cycle}")
    version = 0
    while await asyncio.to_thread(process.metric, "realtime_buffered_bytes") == 0:
        version += 1
        assert version < 200
        await fill(publish, cycle, version)
        await quick.message(lambda m, version=version: m["v"] == version)
    for _ in range(6):  # more than is kept for it, less than memory holds
        version += 1
        await fill(publish, cycle, version)
        await quick.message(lambda m, version=version: m["v"] == version)
    assert await asyncio.to_thread(process.metric, "realtime_buffered_bytes") < 256 * 1024
    slow.read()
    await slow.message(lambda m: m["v"] == version and m["d"]["offer_id"] == "offer-199", timeout_s=10)
    await quick.message(lambda m: m["v"] == version and m["d"]["offer_id"] == "offer-199", timeout_s=10)
    chain = slow.news(f"cycle:{cycle}")
    assert all(later["p"] in (earlier["o"], later["o"]) for earlier, later in itertools.pairwise(chain))
    latest = {m["d"]["offer_id"]: m["v"] for m in chain}
    assert latest == {f"offer-{n}": version for n in range(200)}
    assert len(chain) < len(quick.news(f"cycle:{cycle}"))
    await asyncio.to_thread(eventually, lambda: process.metric("realtime_buffered_bytes") == 0)


async def test_a_reader_that_stalls_is_ended_and_the_others_hear_everything(
    start: Start, sources: Open, publish: Publisher
) -> None:
    process, cycle = start(), fresh("cycle")
    await sources(process, f"cycle:{cycle}", reads=False, small=True, person="p-slow")
    quick = await sources(process, f"cycle:{cycle}", person="p-quick")
    await quick.answers(f"cycle:{cycle}")
    deadline, version = time.monotonic() + 20, 0
    while await asyncio.to_thread(process.metric, 'realtime_closes_total{code="4008"}') == 0:
        assert time.monotonic() < deadline
        version += 1
        await fill(publish, cycle, version)
        await quick.message(lambda m, version=version: m["v"] == version)
    assert await asyncio.to_thread(process.metric, 'realtime_connections{transport="sse"}') == 1
    assert await asyncio.to_thread(process.metric, "realtime_slow_evictions_total") == 1
    await publish.offers(cycle, ("last", 1, 1))
    await quick.message(lambda m: m["d"]["offer_id"] == "last")

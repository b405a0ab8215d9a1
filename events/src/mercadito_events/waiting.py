"""Waiting in a loop that must also end: for a stop, for a thread, for the next try."""

import asyncio
import random
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread; when cancelled, wait for it, so that nobody touches its connection meanwhile."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until ``stop`` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


def backoff_s(failures: int, *, first_s: float, most_s: float) -> float:
    """Return a wait that doubles with each failure up to ``most_s``, give or take a quarter."""
    return min(most_s, first_s * 2.0 ** min(failures, 16)) * random.uniform(0.75, 1.25)

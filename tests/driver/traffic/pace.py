"""Doing something so many times a second, whatever the system does meanwhile."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

Turn = Callable[[float], Awaitable[None]]


async def at_rate(turn: Turn, rate: float, stop: asyncio.Event) -> None:
    """Take each turn when it is due until told to stop; wait for those under way."""
    running: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    for place in itertools.count():
        due = began + place / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if stop.is_set():
            break
        task = asyncio.create_task(_take(turn, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def _take(turn: Turn, due: float) -> None:
    await turn(due)

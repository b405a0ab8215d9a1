"""Ending tasks for certain."""

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN_S = 0.5


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended; how they end is for whoever waits for them.

    Once may not be enough: before Python 3.12 ``asyncio.wait_for``, which nats-py waits by, forgets a cancellation that
    comes together with what it waited for (github.com/python/cpython/issues/86296).
    """
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=AGAIN_S)

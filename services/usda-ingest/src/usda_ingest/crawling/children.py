"""A command of this service as a child process: with a deadline, and ended in order when the service ends."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

# From the first request to end to the kill; the service itself has 20 s in all.
STOP_S = 8


async def run_child(
    arguments: Sequence[str], *, stop: asyncio.Event, deadline_s: float, output: IO[bytes] | None = None
) -> int:
    """Run ``usda-ingest`` with the arguments and return its exit code, negative for the signal that ended it.

    When told to stop or out of time, the child is asked to end (SIGTERM), asked again, then killed.

    Args:
        arguments: command and options.
        stop: ends the child.
        deadline_s: how long it may take in all.
        output: takes what the child says; None: it says it where we do.

    """
    # A session of its own: Ctrl-C at the terminal reaches the service, which then ends its child in order.
    command = [sys.executable, "-m", "usda_ingest", *arguments]
    child = await asyncio.create_subprocess_exec(*command, start_new_session=True, stdout=output, stderr=output)
    ended, stopping = asyncio.create_task(child.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([ended, stopping], timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await _end(child, ended)
    return ended.result()


async def _end(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    """Ask the child to stop, then insist; a file that is half stored rolls back."""
    for _ in range(2):
        if ended.done():
            return
        with suppress(ProcessLookupError):
            child.terminate()  # Scrapy finishes what it holds at the first, and lets go of it at the second
        await asyncio.wait([ended], timeout=STOP_S / 2)
    if not ended.done():
        with suppress(ProcessLookupError):
            child.kill()
        await ended

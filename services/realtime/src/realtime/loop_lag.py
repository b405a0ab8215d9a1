"""How busy the event loop is: by how much a timer that should run now runs too late."""

import asyncio

from realtime.metrics import Metrics

MEASURE_S = 0.25


async def measure(metrics: Metrics) -> None:
    """For ever, observe the lateness of a timer."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + MEASURE_S
        await asyncio.sleep(MEASURE_S)
        metrics.loop_lag_s.observe(max(0.0, loop.time() - due))

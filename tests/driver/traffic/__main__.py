"""python -m tests.driver.traffic URL [ORDERS_PER_S READS_PER_S SCREENS]: traffic until standard input ends.

Each line of standard input begins a phase of that name. Says `ready` once every screen is open and orders flow; at the
end one line of JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.driver.traffic.exchange import Door
from tests.driver.traffic.market import Market, open_market
from tests.driver.traffic.pace import at_rate
from tests.driver.traffic.reads import Readers
from tests.driver.traffic.reckoning import orders, reckon
from tests.driver.traffic.screens import Reader, Screen
from tests.driver.traffic.tally import Tally
from tests.driver.traffic.till import Till
from tests.driver.traffic.volume import Volume

STAFF_SHARE = 0.05
STORES_EACH = 3
OPEN_WITHIN_S = 60.0
_LOOK_S = 0.05


class NotOpened(Exception):
    """Not every screen came in."""


@dataclass(frozen=True)
class Crowd:
    """All who are there, and how much they do."""

    volume: Volume
    door: Door
    market: Market
    tally: Tally
    till: Till
    screens: Sequence[Screen]


def gather(url: str, volume: Volume, tally: Tally, door: Door) -> Crowd:
    """Let everybody sign in."""
    market = open_market(url)
    till = Till(door, market, tally)
    staff = Reader(door, tally, market.staff)
    buyers = [Reader(door, tally, buyer) for buyer in market.buyers]
    screens = []
    for number in range(volume.screens):
        if number < STAFF_SHARE * volume.screens:
            reader, channels = staff, ["staff"]
        else:
            reader = buyers[number % len(buyers)]
            own = [store for store in market.stores if store.buyer.id == reader.person.id]
            watched = random.sample(own, STORES_EACH)
            channels = [f"cycle:{market.cycle_id}", *(f"store:{store.id}" for store in watched)]
        screens.append(Screen(url, reader, tally, channels, market.cycle_id))
    return Crowd(volume, door, market, tally, till, screens)


async def run(crowd: Crowd) -> dict[str, Any]:
    """Open all screens, let people order and read until the end of standard input, then reckon."""
    known_before = set(await orders(crowd.door, crowd.market))
    watching = [asyncio.create_task(screen.watch()) for screen in crowd.screens]
    await _all_open(crowd.screens)
    stop = asyncio.Event()
    readers = Readers(crowd.door, crowd.market, crowd.tally, crowd.till)
    flowing = asyncio.gather(
        at_rate(crowd.till.turn, crowd.volume.orders_per_s, stop),
        at_rate(readers.turn, crowd.volume.reads_per_s, stop),
    )
    print("ready", flush=True)
    began = time.monotonic()
    await _phases(crowd.tally)
    stop.set()
    await flowing
    flowed_s = time.monotonic() - began
    await crowd.till.close()
    await _all_open(crowd.screens)
    found = await reckon(crowd.door, crowd.market, crowd.till, crowd.screens, known_before)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    crowd.door.close()
    phases = [phase.report() for phase in crowd.tally.phases]
    return {"flowed_s": flowed_s, "skipped": crowd.till.skipped, "phases": phases, **found.report()}


async def _all_open(screens: Sequence[Screen]) -> None:
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            while not all(screen.is_open for screen in screens):  # noqa: ASYNC110 - many tasks
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        told = sum((screen.counts for screen in screens), start=screens[0].counts)
        raise NotOpened(
            f"{sum(screen.is_open for screen in screens)} of {len(screens)} screens are open: {told}"
        ) from None


async def _phases(tally: Tally) -> None:
    """Begin a phase with each line of standard input, until it ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        tally.begin(line.decode().strip())


if __name__ == "__main__":
    everybody = gather(sys.argv[1], Volume.of(sys.argv[2:]), Tally(), Door(sys.argv[1]))
    print(json.dumps(asyncio.run(run(everybody))))

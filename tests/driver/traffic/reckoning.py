"""What is true at the end: every order once, as it was answered, and told to every screen that may know of it."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.driver.traffic.exchange import Door, Request
from tests.driver.traffic.market import Market
from tests.driver.traffic.screens import Screen
from tests.driver.traffic.till import Till

CAUGHT_UP_WITHIN_S = 30.0
_LOOK_S = 0.1
_EXAMPLES = 20


class NotTold(Exception):
    """The system did not say what is true at the end."""


@dataclass
class Reckoning:
    """Numbers of what went wrong, with the first few of each."""

    orders: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    missed: int = 0
    missed_by: list[str] = field(default_factory=list)
    messages: int = 0
    resets: Counter[str] = field(default_factory=Counter)
    screens: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        named = {
            "lost": self.lost[:_EXAMPLES],
            "doubled": self.doubled[:_EXAMPLES],
            "missed_by": self.missed_by[:_EXAMPLES],
        }
        counted = {"orders": self.orders, "missed": self.missed, "messages": self.messages}
        return {**counted, **named, "resets": dict(self.resets), "screens": dict(self.screens)}


async def reckon(
    door: Door,
    market: Market,
    till: Till,
    screens: Sequence[Screen],
    known_before: set[str],
    *,
    caught_up_within_s: float = CAUGHT_UP_WITHIN_S,
) -> Reckoning:
    """Compare the orders that are there with those that were answered, and with what the screens have seen."""
    there = {id_: order for id_, order in (await orders(door, market)).items() if id_ not in known_before}
    offers = {
        offer["id"]: offer["version"]
        for offer in await _pages(door, market, f"/api/v1/cycles/{market.cycle_id}/offers?limit=1000")
    }
    found = Reckoning(orders=len(there))
    for id_, placed in till.placed.items():
        wanted = "cancelled" if placed.taken_back else "placed"
        if id_ not in there or there[id_]["state"] != wanted:
            found.lost.append(f"{id_}: {wanted} by its answer, {there.get(id_, {}).get('state', 'gone')} in truth")
    found.doubled = [*till.repeated, *(f"{id_}: nobody was told of it" for id_ in there if id_ not in till.placed)]
    deadline = time.monotonic() + caught_up_within_s
    while any(_missing(screen, there, offers) for screen in screens) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    _compare_screens(screens, there, offers, found)
    return found


async def orders(door: Door, market: Market) -> dict[str, Any]:
    """Return the orders of the market day in the stores of the traffic, by id."""
    ours = {store.id for store in market.stores}
    listed = await _pages(door, market, f"/api/v1/orders?cycle_id={market.cycle_id}&limit=1000")
    return {order["id"]: order for order in listed if order["store_id"] in ours}


async def _pages(door: Door, market: Market, path: str | None) -> list[dict[str, Any]]:
    items = []
    while path:
        answer = await door.send(Request("GET", path, market.staff.bearer))
        if answer.status != 200:
            raise NotTold(f"{path}: {answer.status} {answer.trouble}")
        page = json.loads(answer.body)
        items += page["items"]
        path = page["next"]
    return items


def _compare_screens(
    screens: Sequence[Screen], there: dict[str, Any], offers: dict[str, int], found: Reckoning
) -> None:
    for number, screen in enumerate(screens):
        missing = _missing(screen, there, offers)
        found.missed += len(missing)
        found.missed_by += [f"screen {number}: {what}" for what in sorted(missing)[:1]]
        found.messages += screen.counts.pop("messages", 0)
        found.resets.update(channel.partition(":")[0] for channel in screen.resets)
        found.screens.update(screen.counts)


def _missing(screen: Screen, there: dict[str, Any], offers: dict[str, int]) -> set[str]:
    """Name what happened in a screen's channels and was not shown: each version of an order, the last of an offer."""
    missing = set()
    for channel in screen.channels:
        if channel.startswith("cycle:"):
            # Only what has changed since it opened was told.
            told = screen.offers
            missing |= {
                f"offer {id_} at {told[id_]} of {version}"
                for id_, version in offers.items()
                if told.get(id_, version) < version
            }
            continue
        store = channel.removeprefix("store:")
        wanted = {
            (channel, id_, version)
            for id_, order in there.items()
            if channel == "staff" or order["store_id"] == store
            for version in range(1, order["version"] + 1)
        }
        missing |= {f"order {id_} version {version} in {channel}" for channel, id_, version in wanted - screen.seen}
    return missing

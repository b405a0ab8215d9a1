"""Open pages: sockets that keep to the rules of docs/realtime.md, come back when they are cut, and forget nothing."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Origin, Subprotocol

from tests.driver.traffic.exchange import Answer, Door, Request
from tests.driver.traffic.market import Person
from tests.driver.traffic.tally import Tally

Message = dict[str, Any]
NOTHING: Message = {"items": [], "next": None}
OPEN_WITHIN_S = 100.0
TICKET_S = 300.0  # half of what it is good for
BACK_WITHIN_S = 1.0
NO_CONTACT_S = 70.0  # two and a half pings


class Reader:
    """A person at screens: with one ticket for all of them, made anew when it is half used up."""

    def __init__(self, door: Door, tally: Tally, person: Person) -> None:
        self.person = person
        self._door, self._tally = door, tally
        self._ticket, self._made_at = "", 0.0
        self._asking = asyncio.Lock()

    async def ticket(self) -> str:
        """Return one that is good for a while; empty if none is to be had, which counts as a failed request."""
        async with self._asking:
            if time.monotonic() - self._made_at > TICKET_S or not self._ticket:
                phase, asked = self._tally.now, Request("POST", "/api/v1/realtime-tickets", self.person.bearer)
                answer = await self._door.send(asked)
                good = self._tally.note(phase, "ticket", answer, 201)
                self._ticket, self._made_at = (str(json.loads(answer.body)["ticket"]) if good else ""), time.monotonic()
            return self._ticket

    async def fetch(self, path: str) -> Any:
        """Read what a page shows; None if that failed, which is counted."""
        phase, answer = self._tally.now, await self._door.send(Request("GET", path, self.person.bearer))
        return json.loads(answer.body) if self._tally.note(phase, "fetched anew", answer, 200) else None


@dataclass
class Screen:
    """One socket and what it has seen: `seen` is each order's versions, by channel."""

    url: str
    reader: Reader
    tally: Tally
    channels: Sequence[str]
    cycle_id: str
    seen: set[tuple[str, str, int]] = field(default_factory=set)
    offers: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    resets: list[str] = field(default_factory=list)
    places: dict[str, Message] = field(default_factory=dict)
    is_open: bool = False
    _waiting: set[str] = field(default_factory=set)
    _rest_s: float = 0.0

    async def watch(self) -> None:
        """Watch until cancelled, coming back whenever the connection ends."""
        while True:
            await self._visit()
            self.is_open = False
            await asyncio.sleep(self._rest_s)

    async def _visit(self) -> None:
        began, phase = time.monotonic(), self.tally.now
        self._rest_s = random.uniform(0, BACK_WITHIN_S)
        try:
            ticket = await self.reader.ticket()
            address = self.url.replace("http", "ws", 1) + "/ws"
            protocol, origin = [Subprotocol("mercadito.v1")], Origin(self.url)
            opening = connect(
                *(address,),
                subprotocols=protocol,
                origin=origin,
                open_timeout=OPEN_WITHIN_S,
                compression=None,
                ping_interval=None,
                proxy=None,
            )
            socket = await opening.__aenter__()
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as trouble:
            self.tally.note(phase, "socket", Answer(0, time.monotonic() - began, trouble=repr(trouble)), 101)
            return
        self.tally.note(phase, "socket", Answer(101, time.monotonic() - began), 101)
        try:
            await self._talk(socket, ticket)
        except (OSError, TimeoutError, WebSocketException):
            self.counts[f"closed with {socket.close_code}"] += 1
        finally:
            await socket.close()

    async def _talk(self, socket: ClientConnection, ticket: str) -> None:
        await socket.send(json.dumps({"auth": ticket}))
        await self._subscribe(socket, *self.channels)
        while True:
            async with asyncio.timeout(NO_CONTACT_S):
                frame = json.loads(await socket.recv())
            await self._take(socket, frame)
            if "drain" in frame:
                self._rest_s = frame["drain"]["retry_ms"] / 1000
                self.counts["drained"] += 1
                return

    async def _subscribe(self, socket: ClientConnection, *channels: str) -> None:
        self._waiting.update(channels)
        wanted = [{"c": name, **({"pos": self.places[name]} if name in self.places else {})} for name in channels]
        await socket.send(json.dumps({"sub": wanted}))

    async def _take(self, socket: ClientConnection, frame: Message) -> None:
        if "ping" in frame:
            await socket.send(json.dumps({"pong": frame["ping"]}))
        if "err" in frame:
            self.counts[f"err {frame['err']['code']}"] += 1
        if "sub" in frame:
            await self._answered(frame["sub"])
        gaps = {message["c"] for message in frame.get("b", []) if not self.follows(message)}
        if gaps:
            self.counts["gaps"] += len(gaps)
            await self._subscribe(socket, *gaps)

    async def _answered(self, answer: Message) -> None:
        channel = answer["c"]
        self.places[channel] = answer["pos"]
        self._waiting.discard(channel)
        self.is_open = not self._waiting
        if not answer["recovered"]:
            self.resets.append(channel)
            await self._fetch_state(channel)

    async def _fetch_state(self, channel: str) -> None:
        """What was missed can't be told: read it, as a page does."""
        if channel.startswith("cycle:"):
            for offer in (await self.reader.fetch(f"/api/v1/cycles/{self.cycle_id}/offers?limit=1000") or NOTHING)[
                "items"
            ]:
                self.offers[offer["id"]] = max(offer["version"], self.offers.get(offer["id"], 0))
            return
        store = channel.removeprefix("store:") if channel.startswith("store:") else ""
        path: str | None = f"/api/v1/orders?cycle_id={self.cycle_id}&limit=1000" + (
            f"&store_id={store}" if store else ""
        )
        while path:
            page = await self.reader.fetch(path) or NOTHING
            for order in page["items"]:
                self.seen.update((channel, order["id"], version) for version in range(1, order["version"] + 1))
            path = page["next"]

    def follows(self, message: Message) -> bool:
        """Take a message that comes next; say False where one before it is missing."""
        channel = message["c"]
        if "o" not in message or channel in self._waiting:
            return True
        place = self.places[channel]
        if message["o"] < place["o"] or (message["o"] == place["o"] and message["p"] < message["o"]):
            return True
        if message["p"] > place["o"]:
            self._waiting.add(channel)
            return False
        place["o"] = message["o"]
        self._show(channel, message)
        return True

    def _show(self, channel: str, message: Message) -> None:
        kind, told = message["k"], message["d"]
        if kind == "order":
            self.seen.add((channel, told["order_id"], message["v"]))
        elif kind == "offer":
            self.offers[told["offer_id"]] = max(message["v"], self.offers.get(told["offer_id"], 0))
        self.counts["messages"] += 1

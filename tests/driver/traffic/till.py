"""Orders at a fixed rate: each store orders, and takes it back some time later, so that it can order again."""

import asyncio
import json
import random
import uuid
from collections import deque
from dataclasses import dataclass, field

from tests.driver.traffic.exchange import Answer, Door, Request
from tests.driver.traffic.market import Market, Store
from tests.driver.traffic.tally import Tally

KEPT_LIVE = 40
_CANCEL_AT_ONCE = 8


@dataclass
class Placed:
    """An order as its 201 told it; `taken_back` once its 204 came."""

    id: str
    store: Store
    version: int
    taken_back: bool = False


@dataclass
class Till:
    """Places orders and takes them back."""

    door: Door
    market: Market
    tally: Tally
    placed: dict[str, Placed] = field(default_factory=dict)
    # No store was free: the one before still waits for its answer.
    skipped: int = 0
    # Two 201 with the same order: would be a number given twice.
    repeated: list[str] = field(default_factory=list)
    _free: deque[Store] = field(default_factory=deque)
    _live: deque[Placed] = field(default_factory=deque)
    _chance: random.Random = field(default_factory=random.Random)

    @property
    def newest(self) -> Placed | None:
        """The order placed last of those that were not taken back."""
        return self._live[-1] if self._live else None

    def __post_init__(self) -> None:
        self._free.extend(self.market.stores)

    async def turn(self, due: float) -> None:
        """Place one order, and take back the oldest where enough are live."""
        await asyncio.gather(self._place(due), self._take_back(due, at_least=KEPT_LIVE))

    async def close(self) -> None:
        """Take back all that is left."""
        while self._live:
            await asyncio.gather(*(self._take_back(None, at_least=0) for _ in range(_CANCEL_AT_ONCE)))

    async def _place(self, due: float) -> None:
        if not self._free:
            self.skipped += 1
            return
        store, phase = self._free.popleft(), self.tally.now
        answer = await self.door.send(self._order(store), due)
        if self.tally.note(phase, "order", answer, 201):
            self._remember(store, answer)

    def _remember(self, store: Store, answer: Answer) -> None:
        told = json.loads(answer.body)
        if told["id"] in self.placed:
            self.repeated.append(told["id"])
        order = self.placed[told["id"]] = Placed(told["id"], store, told["version"])
        self._live.append(order)

    async def _take_back(self, due: float | None, *, at_least: int) -> None:
        if len(self._live) <= at_least:
            return
        order, phase = self._live.popleft(), self.tally.now
        headers = {**order.store.buyer.bearer, "Idempotency-Key": str(uuid.uuid4())}
        answer = await self.door.send(Request("DELETE", f"/api/v1/orders/{order.id}", headers), due)
        if self.tally.note(phase, "cancellation", answer, 204):
            order.taken_back = True
            self._free.append(order.store)

    def _order(self, store: Store) -> Request:
        lines = [{"offer_id": self._chance.choice(self.market.unlimited), "quantity": self._chance.randint(1, 3)}]
        lines.append({"offer_id": self._chance.choice(self.market.limited), "quantity": 1})
        body = {"cycle_id": self.market.cycle_id, "store_id": store.id, "lines": lines, "on_shortage": "partial"}
        json_type = {"Content-Type": "application/json"}
        headers = {**store.buyer.bearer, **json_type, "Idempotency-Key": str(uuid.uuid4())}
        return Request("POST", "/api/v1/orders", headers, json.dumps(body).encode())

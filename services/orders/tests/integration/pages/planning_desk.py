"""A member of staff at the pages of planning, and what they type."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orders.application.commands import Answer, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.domain.order import LineRequest
from orders.domain.people import Role

HUB = ZoneInfo("America/Los_Angeles")
HOSTILE = (
    "\x00",
    "a\x1fb",
    "x" * 100_000,
    "\u202eabc",
    "<script>alert(1)</script>",
    "'; DROP TABLE offers; --",
    "9" * 400,
    "-1",
    "NaN",
    "٣٤",
)


def local(**ahead: float) -> str:
    return (datetime.now(HUB) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M")


@dataclass
class Desk:
    """A member of staff at the pages of planning."""

    world: Any
    browser: Any
    actor: Any

    def get(self, path: str) -> Any:
        return self.browser.get(f"/staff{path}")

    def plan(self, **fields: str) -> Any:
        form = self.get("/cycles/new").form("/staff/cycles?")
        plan = {
            "name": "Friday",
            "opens_at": local(days=1),
            "cutoff_at": local(days=2),
            "delivery_on": local(days=3)[:10],
            **fields,
        }
        return self.browser.post(form.action, {**form.fields, **plan})

    def row(self, cycle: str, offer: str, **fields: str) -> Any:
        form = self.get(f"/cycles/{cycle}").form(f"/staff/cycles/{cycle}/offers/{offer}")
        return self.browser.post(form.action, {**form.fields, **fields})

    def press(self, cycle: str, offer: str, what: str) -> Any:
        form = self.get(f"/cycles/{cycle}").form(f"/staff/cycles/{cycle}/offers/{offer}")
        return self.browser.post(f"{form.action}/{what}", form.fields)

    def offer(self, offer: str) -> Any:
        return self.world.rows("SELECT * FROM offers WHERE id = CAST(:id AS uuid)", id=offer)[0]


@pytest.fixture
def desk(world: Any, signed_in: Callable[..., Any]) -> Desk:
    actor = world.person(Role.STAFF)
    return Desk(world, signed_in(actor), actor)


def ordered(world: Any, transactions: Any, cycle: str, offer: str, quantity: int) -> None:
    buyer, store = world.buyer()
    command = PlaceOrder(buyer, cycle, store, (LineRequest(offer, quantity),))
    OrderDesk(transactions).place(command, lambda made: Answer(201, made.id))

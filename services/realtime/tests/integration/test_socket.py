"""Clients over real sockets, events over a real nats-server."""

import uuid
from typing import Any

from mercadito_events.testing import NatsServer

STAFF = {"role": "staff"}


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


async def test_an_offer_reaches_whoever_watches_the_cycle_and_the_staff(shared, clients, publish) -> None:
    cycle = fresh("cycle")
    buyer, staff = await clients.signed_in(shared, "p1"), await clients.signed_in(shared, "s1", **STAFF)
    answer = await buyer.subscribe(f"cycle:{cycle}")
    await staff.subscribe("staff")
    offset = await publish.offers(cycle, ("o1", 7, 3))
    for socket, channel in ((buyer, f"cycle:{cycle}"), (staff, "staff")):
        message = await socket.message(lambda m: m["k"] == "offer" and m["o"] == offset)
        assert message["c"] == channel
        assert message["v"] == 3
        assert message["d"] == {"offer_id": "o1", "remaining": 7, "available": 40, "unit_price_cents": 3400}
    assert buyer.news(f"cycle:{cycle}")[0]["p"] == answer["sub"]["pos"]["o"]
    assert answer["sub"]["pos"]["e"].startswith("ORDERS.")


async def test_nats_is_what_the_kit_started(nats_server: NatsServer, shared: Any) -> None:
    assert shared.get("/healthz") == (200, "ok\n")

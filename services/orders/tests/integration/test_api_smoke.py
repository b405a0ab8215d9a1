from collections.abc import Callable
from typing import Any
from uuid import uuid4


def test_an_order_is_placed_read_amended_and_cancelled(world: Any, sign_in: Callable[..., Any]) -> None:
    buyer, store = world.buyer()
    cycle = world.cycle()
    offer = world.offer(cycle)
    api = sign_in(buyer)
    body = {"cycle_id": cycle, "store_id": store, "lines": [{"offer_id": offer, "quantity": 2}]}
    placed = api.call("POST", "/orders", body, Idempotency_Key=str(uuid4()))
    assert placed.status_code == 201, placed.text
    read = api.client.get(placed.headers["Location"], headers={"Authorization": f"Bearer {api.token}"})
    assert read.json == placed.json
    assert read.headers["ETag"] == placed.headers["ETag"]

"""Whom the traffic is about: the demo's people, stores of theirs for this alone, and what they can order."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from tests.driver.api import Client

BUYERS = 5
STORES_EACH = 49  # a person has 50 at most
STORE_NAME = "Traffic"


@dataclass(frozen=True)
class Person:
    """Somebody with a token of the API."""

    id: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        """The header that says who asks."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Store:
    """A store and who orders for it."""

    id: str
    buyer: Person


@dataclass(frozen=True)
class Market:
    """The open market day, who is there, and the offers: those with stock that runs out, and those without bound."""

    cycle_id: str
    staff: Person
    buyers: Sequence[Person]
    stores: Sequence[Store]
    limited: Sequence[str]
    unlimited: Sequence[str]


def open_market(url: str) -> Market:
    """Sign in, make the stores that are missing, and take back what an earlier run has left ordered in them."""
    staff = Client(url, "staff@mercadito.example")
    buyers = [Client(url, f"buyer{number}@mercadito.example") for number in range(1, BUYERS + 1)]
    try:
        stores = _stores(staff, buyers)
        cycle = buyers[0].cycle()
        _take_back(staff, cycle["id"], {store.id for store in stores})
        free = [offer for offer in cycle["offers"] if offer["max_per_store"] is None]
        return Market(
            cycle["id"],
            _person(staff),
            [_person(buyer) for buyer in buyers],
            stores,
            limited=[offer["id"] for offer in free if offer["available"] is not None],
            unlimited=[offer["id"] for offer in free if offer["available"] is None],
        )
    finally:
        for client in (staff, *buyers):
            client.http.close()


def _person(client: Client) -> Person:
    return Person(client.me["id"], client.http.headers["Authorization"].removeprefix("Bearer "))


def _stores(staff: Client, buyers: Sequence[Client]) -> list[Store]:
    known = {store["name"]: store["id"] for store in staff.get(f"/api/v1/stores?q={STORE_NAME}&limit=1000")["items"]}
    stores = []
    for number in range(BUYERS * STORES_EACH):
        buyer, name = buyers[number % BUYERS], f"{STORE_NAME} {number:03}"
        stores.append(Store(known.get(name) or _make_store(staff, name, buyer.me["id"]), _person(buyer)))
    return stores


def _make_store(staff: Client, name: str, buyer_id: str) -> str:
    body = {"name": name, "people": [buyer_id], "wants_reminder": False}
    answer = staff.http.post("/api/v1/stores", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _take_back(staff: Client, cycle_id: str, stores: set[str]) -> None:
    path: str | None = f"/api/v1/orders?cycle_id={cycle_id}&limit=1000"
    while path:
        page = staff.get(path)
        for order in page["items"]:
            if order["store_id"] in stores and order["state"] == "placed":
                answer = staff.http.delete(f"/api/v1/orders/{order['id']}")
                assert answer.status_code == 204, answer.text
        path = page["next"]

"""The HTTP API as a buyer's or a staff member's program uses it."""

import uuid
from typing import Any

import httpx

PASSWORD = "mercadito-demo"
TIMEOUT_S = 40


class Client:
    """One signed-in person."""

    def __init__(self, url: str, email: str) -> None:
        self.email = email
        # Without TLS there is nothing to verify, and reading the authorities' certificates takes a while each time.
        self.http = httpx.Client(base_url=url, timeout=TIMEOUT_S, verify=False)
        self.sign_in()
        self.me: dict[str, Any] = self.get("/api/v1/me")

    def sign_in(self) -> None:
        """Fetch a token, also in place of one that ended."""
        answer = self.http.post("/api/v1/tokens", auth=(self.email, PASSWORD))
        assert answer.status_code == 201, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    def get(self, path: str) -> Any:
        """Return the JSON of a GET that must succeed."""
        answer = self.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    @property
    def store_id(self) -> str:
        """The buyer's own store."""
        return str(self.me["stores"][0]["id"])

    def cycle(self) -> dict[str, Any]:
        """Return the open cycle with its offers."""
        found: dict[str, Any] = self.get("/api/v1/cycles/current")
        return found

    def cycle_id(self) -> str:
        """Return the id of the open cycle, without its hundreds of offers."""
        days = self.get("/api/v1/cycles?state=open")["items"]
        return str(min(days, key=lambda day: day["cutoff_at"])["id"])

    def offer(self, offer_id: str) -> dict[str, Any]:
        """Return one offer of the open cycle as it is now."""
        found: dict[str, Any] = next(offer for offer in self.cycle()["offers"] if offer["id"] == offer_id)
        return found

    def place(self, lines: dict[str, int], *, key: str | None = None, **more: object) -> httpx.Response:
        """Post an order of offer ids and quantities for the buyer's store."""
        body = {
            "cycle_id": self.cycle_id(),
            "store_id": self.store_id,
            "lines": [{"offer_id": offer, "quantity": quantity} for offer, quantity in lines.items()],
            **more,
        }
        return self.http.post("/api/v1/orders", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})

    def live_orders(self) -> list[dict[str, Any]]:
        """Return the store's orders of the open cycle that are not cancelled."""
        items = self.get(f"/api/v1/orders?cycle_id={self.cycle_id()}&store_id={self.store_id}")["items"]
        return [order for order in items if order["state"] != "cancelled"]

    def start_afresh(self) -> None:
        """Cancel what the store has ordered."""
        for order in self.live_orders():
            answer = self.http.delete(f"/api/v1/orders/{order['id']}")
            assert answer.status_code == 204, answer.text

    def ticket(self) -> str:
        """Return a ticket for the WebSocket."""
        answer = self.http.post("/api/v1/realtime-tickets")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])


def limited_offers(cycle: dict[str, Any], *, at_least: int = 4) -> list[dict[str, Any]]:
    """Return the offers with stock to race for."""
    return [
        offer
        for offer in cycle["offers"]
        if offer["remaining"] is not None and offer["remaining"] >= at_least and not offer["max_per_store"]
    ]

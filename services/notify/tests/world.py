"""What happens in the tests: orders, contacts, sign-outs, as the publishers would send them."""

import json
import uuid
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from notify.mail import Sender
from notify.rendering import Hub
from notify.sender import Post
from notify.smtp import Relay, Timeouts

SERVICE = Path(__file__).resolve().parents[1]
REPOSITORY = SERVICE.parents[1]
MIGRATIONS = SERVICE / "migrations"
KINDS = SERVICE / "src" / "notify" / "kinds"
HUB = Hub("Mercadito", ZoneInfo("America/Los_Angeles"), "https://mercadito.example")
DOMAIN = "mail.mercadito.example"
QUICK = Timeouts(connect_s=2, greeting_s=0.5, reply_s=0.5, tls_s=2, body_s=2, dot_s=0.5, overall_s=5)


def sample(kind: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((KINDS / kind / "sample.json").read_text())
    return data


def order(**changes: Any) -> dict[str, Any]:
    """An order of store ``store-1``, with an id of its own."""
    return sample("order_confirmation") | {"order_id": str(uuid.uuid4()), "store_id": "store-1"} | changes


def contact(**changes: Any) -> dict[str, Any]:
    return {
        "person_id": "person-1",
        "email": "rosa@tienda.example",
        "name": "Rosa Peña",
        "locale": "es",
        "time_zone": "America/Los_Angeles",
        "role": "buyer",
        "store_ids": ["store-1"],
        "active": True,
        "version": 1,
    } | changes


def post(port: int, **relay: Any) -> Post:
    settings = {"starttls": False, "timeouts": QUICK, "greet_as": "notify.test"} | relay
    return Post(HUB, Sender.parse("Mercadito <orders@mercadito.example>"), DOMAIN, Relay("127.0.0.1", port, **settings))

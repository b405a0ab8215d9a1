"""What happens in the tests: orders, contacts, sign-outs, as the publishers would send them."""

import json
import uuid
from dataclasses import fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mercadito_events.service.identity import KeySet
from mercadito_events.testing import DatabaseUrls
from notify.api.mail_pages import Desk
from notify.recipients.links import Links
from notify.recipients.quiet_hours import QuietHours
from notify.recipients.signing import Signer
from notify.sending.post import Post
from notify.sending.relay import Relay, Timeouts
from notify.settings import Settings
from notify.writing.mail import Sender
from notify.writing.rendering import Hub

SERVICE = Path(__file__).resolve().parents[1]
REPOSITORY = SERVICE.parents[1]
MIGRATIONS = SERVICE / "migrations"
KINDS = SERVICE / "src" / "notify" / "kinds"
HUB = Hub(
    "Mercadito", ZoneInfo("America/Los_Angeles"), "https://mercadito.example", "1234 E 7th St, Los Angeles, CA 90021"
)
LINKS = Links(HUB.public_url, Signer("the key of the tests, long enough"))
RELAYS = {"primary": "relay.example", "secondary": "second.example"}
DOMAIN = "mail.mercadito.example"
# Longer than a relay takes that answers, also on a machine with much else to do.
QUICK = Timeouts(connect_s=2, greeting_s=1.5, reply_s=1.5, tls_s=2, body_s=2, dot_s=1.5, overall_s=5)


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


def post(port: int, **changes: Any) -> Post:
    """Settings for a relay at ``port``; what is no field of ``Post`` is one of ``Relay``."""
    names = {each.name for each in fields(Post)}
    of_post = {name: value for name, value in changes.items() if name in names}
    of_relay = {name: value for name, value in changes.items() if name not in names}
    sender = Sender.parse("Mercadito <orders@mercadito.example>")
    return Post(
        **{"hub": HUB, "sender": sender, "domain": DOMAIN, "relays": [relay(port, **of_relay)], "links": LINKS}
        | of_post
    )


def relay(port: int, **changes: Any) -> Relay:
    usual = {"host": "127.0.0.1", "starttls": False, "timeouts": QUICK, "greet_as": "notify.test"}
    return Relay(port=port, **usual | changes)


def desk(engine: Any, keys: KeySet) -> Desk:
    return Desk(engine, keys, HUB, LINKS, QuietHours.parse("21:00-05:00"), RELAYS)


def bounce_settings(urls: DatabaseUrls) -> Settings:
    """What `notify bounce` is told: where bounces go, and otherwise no more than every command wants."""
    return Settings.from_env(
        {
            "MERCADITO_ENV": "test",
            "HTTP_PORT": "1",
            "NATS_URL": "nats://127.0.0.1:1",
            "NATS_USER": "notify",
            "NATS_PASSWORD": "x",
            "IDENTITY_JWKS_FILE": "/x",
            "PUBLIC_URL": "http://localhost",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_STARTTLS": "off",
            "MAIL_FROM": "a@b.example",
            "MAIL_MESSAGE_ID_DOMAIN": "b.example",
            "MAIL_LINK_KEY": "the key of the tests, long enough",
            "MAIL_BOUNCE_ADDRESS": "bounces@mail.mercadito.example",
            **urls.environment(),
        }
    )

"""The API in one process with its database, and tokens of whoever is wanted."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from mercadito_events.envelope import new_event
from mercadito_events.service.identity import KeySet
from notify.api.app import create_app
from notify.kinds import kinds
from notify.queueing import intents
from notify.queueing.messages import Lease
from notify.recipients.contacts import change_contact
from sqlalchemy import Engine
from staff import Token
from world import DOMAIN, contact, desk, order


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def jwks(key: Ed25519PrivateKey, tmp_path: Path) -> Path:
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    public = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": public}]}))
    return file


@pytest.fixture
def token(key: Ed25519PrivateKey) -> Token:
    def make(**claims: Any) -> str:
        now = int(time.time())
        given = {"iss": "mercadito", "sub": "person-9", "role": "staff", "stores": [], "aud": "api", "iat": now,
                 "exp": now + 600, "jti": str(uuid.uuid4())} | claims  # fmt: skip
        return jwt.encode(given, key, algorithm="EdDSA", headers={"kid": "k1"})

    return make


@pytest.fixture
def client(engine: Engine, jwks: Path) -> Iterator[TestClient]:
    with TestClient(create_app(desk(engine, KeySet(jwks)), list)) as made:
        yield made


@pytest.fixture
def five(engine: Engine) -> list[str]:
    """Five messages about five orders; returns the orders' ids."""
    orders = [order() for _ in range(5)]
    with engine.begin() as connection:
        change_contact(connection, new_event("accounts.contact.changed.v1", contact(), source="/mercadito/orders"))
        for data in orders:
            event = new_event("orders.order.placed.v1", data, source="/mercadito/orders")
            intents.record(connection, event, kind=kinds()["order_confirmation"])
        intents.expand(connection, domain=DOMAIN)
    return [data["order_id"] for data in orders]


@pytest.fixture
def lease() -> Lease:
    return Lease(str(uuid.uuid4()), timedelta(seconds=10))

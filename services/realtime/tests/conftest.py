"""The kit's nats-server, tickets signed with a key of our own, and realtime as a process with clients around it."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

pytest_plugins = ["mercadito_events.testing"]


class Issuer:
    """Signs tickets as orders does."""

    def __init__(self, folder: Path) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.jwks_file = folder / "jwks.json"
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self.jwks_file.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}))

    def ticket(self, person_id: str = "p1", **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": "mercadito",
            "sub": person_id,
            "role": "buyer",
            "stores": [],
            "aud": "realtime",
            "iat": now,
            "exp": now + 600,
            "jti": str(uuid.uuid4()),
            "sid": f"session-of-{person_id}",
            **changed,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "k1"})


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("keys"))


class Clock:
    """Milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        self.now += ms


@pytest.fixture
def clock() -> Clock:
    return Clock()

"""What unit tests use in place of orders, time and sockets."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from realtime.hub import Hub
from realtime.projection import News
from realtime.protocol import Frame


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


class Clock:
    """Milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        self.now += ms


class Recorder:
    """A watcher without a socket."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    identity = None

    def deliver(self, buffer: bytearray, head: int) -> None:
        self.frames.append(json.loads(buffer[head:]))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for frame in self.frames for message in frame.get("b", [])]

    @property
    def offsets(self) -> list[int]:
        return [message["o"] for message in self.messages]


def stock(channel: str, offer_id: str, remaining: int, version: int) -> News:
    """News that may wait for the tick."""
    return News(channel, "offer", {"offer_id": offer_id, "remaining": remaining}, version, f"offer:{offer_id}")


def urgent(channel: str, order_id: str, version: int = 1) -> News:
    """News that goes out at once."""
    return News(channel, "order", {"order_id": order_id}, version)


CYCLE = "cycle:c1"
STREAM, EPOCH = "ORDERS", "ORDERS.e1"
STORED_MS = 1_800_000_000_000


def publish(hub: Hub, offset: int, *items: News, at_ms: int = STORED_MS) -> None:
    """Publish an event, and send what must not wait."""
    hub.publish(STREAM, offset, at_ms, items)
    hub.send_urgent()


class Counted:
    """Keeps what the hub counted."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int]] = []
        self.sources: list[str] = []

    def wrote(self, updates: int, receivers: int) -> None:
        self.writes.append((updates, receivers))

    def recovered(self, source: str) -> None:
        self.sources.append(source)


class Outlet:
    """Keeps what a client is told."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def deliver(self, buffer: bytearray, head: int) -> None:
        self.send(Frame(bytes(buffer[head:])))

    def send(self, frame: Frame) -> None:
        self.frames.append(json.loads(frame.payload))

    def close(self, code: int, reason: str) -> None:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError

    def buffered(self) -> int:
        return 0

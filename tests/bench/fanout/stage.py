"""What stands behind realtime in the benchmark: nats-server, a signer of tickets, and the publisher of real events.

It runs in realtime's own environment, takes commands as JSON lines and answers each with one: `{"id": …}` with whatever
the command returns. usage: python stage.py FOLDER
"""

import asyncio
import contextlib
import itertools
import json
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt  # type: ignore[import-not-found, unused-ignore]  # it is there where this runs
import nats  # type: ignore[import-not-found, unused-ignore]
from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # type: ignore[import-not-found, unused-ignore]
    Ed25519PrivateKey,
)
from jwt.algorithms import OKPAlgorithm  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.envelope import new_event  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.testing import NatsServer  # type: ignore[import-not-found, unused-ignore]
from nats.errors import Error  # type: ignore[import-not-found, unused-ignore]

CYCLE, STORE = "bench", "bench"
# With it an order's message has about 240 bytes.
STORE_NAME = "Mercado La Luz"
TICKET_S = 900
RECONNECT_S = 0.05
ACK_S = 0.5
PUBLISH_TRIES = 400


def now_us() -> int:
    """Return the wall clock; it travels as a price, which is a whole number of any size, to the clients' clocks."""
    return time.time_ns() // 1_000


class Issuer:
    """Signs tickets as orders does."""

    def __init__(self, folder: Path) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        keys = {"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}
        (folder / "jwks.json").write_text(json.dumps(keys))

    def ticket(self, person_id: str) -> str:
        """Return a buyer's ticket for the one store."""
        now = int(time.time())
        claims = {
            "iss": "mercadito",
            "aud": "realtime",
            "sub": person_id,
            "sid": f"session-of-{person_id}",
            "jti": str(uuid.uuid4()),
            "role": "buyer",
            "stores": [STORE],
            "iat": now,
            "exp": now + TICKET_S,
        }
        return str(jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "k1"}))

    def write(self, file: Path, count: int) -> None:
        """Write tickets of so many people, a line each."""
        file.write_text("".join(f"{self.ticket(f'person-{number}')}\n" for number in range(count)))


class Stage:
    """All of it; each command is a method."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = NatsServer(folder)
        self._issuer = Issuer(folder)
        self._client: Any = None
        self._stream: Any = None
        self._numbered = 0
        self._steady = False

    async def open(self) -> Mapping[str, Any]:
        """Start nats-server with the real streams; return what a service needs to find it."""
        self._server.start()
        self._server.provision()
        settings = self._server.settings("orders")
        self._client = await nats.connect(
            settings.url,
            user=settings.user,
            password=settings.password,
            inbox_prefix=f"_INBOX_{settings.user}",
            max_reconnect_attempts=-1,
            # Back sooner than whoever is measured.
            reconnect_time_wait=RECONNECT_S,
            reconnect_to_server_handler=lambda servers, _: (servers[0], RECONNECT_S),
            error_cb=_ignore,
        )
        self._stream = self._client.jetstream()
        return {"environment": self._server.environment("realtime"), "jwks": str(self._folder / "jwks.json")}

    async def tickets(self, count: int, file: str) -> Mapping[str, Any]:
        """Sign tickets of so many people into a file, a line each."""
        await asyncio.to_thread(self._issuer.write, Path(file), count)
        return {}

    async def publish(self, kind: str, count: int, offers: int = 1) -> Mapping[str, Any]:
        """Publish so many events as fast as they are acknowledged."""
        for _ in range(count):
            await self._publish(kind, offers)
        return {"numbered": self._numbered}

    async def steady(self, kind: str, rate: float, seconds: float, offers: int = 1) -> Mapping[str, Any]:
        """Publish at a rate until the time has passed or `rest` is said; what a broken connection delays comes late."""
        self._steady = True
        began = time.monotonic()
        events = 0
        while self._steady and (due := began + events / rate) < began + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._publish(kind if kind != "both" else ("order", "offers")[events % 2], offers)
            events += 1
        return {"events": events, "numbered": self._numbered}

    async def rest(self) -> Mapping[str, Any]:
        """End what is steady."""
        self._steady = False
        return {}

    async def kill_nats(self) -> Mapping[str, Any]:
        """End nats-server as a crash does."""
        await asyncio.to_thread(self._server.kill)
        return {}

    async def start_nats(self) -> Mapping[str, Any]:
        """Bring nats-server back; return when it listened."""
        await asyncio.to_thread(self._server.start)
        return {"listens_us": now_us()}

    async def close(self) -> Mapping[str, Any]:
        """Stop everything."""
        await self._client.close()
        await asyncio.to_thread(self._server.stop)
        return {}

    async def _publish(self, kind: str, offers: int) -> None:
        if kind == "order":
            self._numbered += 1
        type_, data = _order(self._numbered) if kind == "order" else _offers(offers)
        event = new_event(type_, data, source="/mercadito/orders")
        body, headers = event.body(), event.headers()
        for _ in range(PUBLISH_TRIES):  # as the relay does: the same event again until it is acknowledged
            with contextlib.suppress(Error, OSError):
                await self._stream.publish(type_, body, headers=headers, timeout=ACK_S)
                return
            await asyncio.sleep(RECONNECT_S)
        raise RuntimeError(f"{type_} was never acknowledged")


async def _ignore(_: Exception) -> None:
    """Say nothing of a server that is away on purpose."""


def _order(number: int) -> tuple[str, dict[str, Any]]:
    return "orders.order.placed.v1", {
        "order_id": str(uuid.uuid4()),
        "number": number,
        "store_id": STORE,
        "store_name": STORE_NAME,
        "cycle_id": CYCLE,
        "delivery_on": "2026-11-30",
        "cutoff_at": "2026-11-30T04:00:00Z",
        "state": "placed",
        "version": 1,
        "lines": [],
        "total_cents": now_us(),
        "actor": {"person_id": "person-1", "role": "buyer"},
        "changes": None,
        "reason": None,
    }


_OFFER_IDS: Sequence[str] = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"offer {number}")) for number in range(200)]
# Each event changes the next offers, so that two events within a tick overtake nothing of each other.
_NEXT_OFFERS = itertools.cycle(_OFFER_IDS)


def _offers(count: int) -> tuple[str, dict[str, Any]]:
    at = now_us()
    offers = [
        {
            "offer_id": offer_id,
            "version": at // 1_000,
            "name": "Avocados, Hass, 48s",
            "name_es": "Aguacate Hass, 48",
            "pack": "carton, 2 layers",
            "unit_price_cents": at,
            "remaining": 18,
            "available": 40,
        }
        for offer_id in itertools.islice(_NEXT_OFFERS, count)
    ]
    return "orders.offers.changed.v1", {"cycle_id": CYCLE, "offers": offers}


async def main() -> None:
    """Obey until standard input ends; commands run beside each other."""
    sys.stdout = sys.stderr  # what libraries log is no answer
    stage = Stage(Path(sys.argv[1]))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_obey(stage, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


async def _obey(stage: Stage, command: dict[str, Any]) -> None:
    identity, name = command.pop("id"), command.pop("do")
    try:
        answer = await getattr(stage, name)(**command)
    except Exception as failure:  # noqa: BLE001 - whatever it is, whoever asked is told
        answer = {"failed": f"{type(failure).__name__}: {failure}"}
    print(json.dumps({"id": identity, **answer}), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    asyncio.run(main())

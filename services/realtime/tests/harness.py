"""For integration tests: realtime as a process, publishers, and clients that keep what they were told."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import orjson
from mercadito_events.connection import connect
from mercadito_events.envelope import new_event
from mercadito_events.testing import NatsServer, free_port
from nats.aio.client import Client
from nats.errors import Error
from stand_ins import Issuer
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

PUBLISH_TRIES = 20


class Process:
    """A running ``realtime serve``."""

    def __init__(self, env: dict[str, str], log: Path, ws_port: int | None = None) -> None:
        self.ws_port, self.http_port = ws_port or free_port(), free_port()
        ports = {"WS_PORT": str(self.ws_port), "HTTP_PORT": str(self.http_port)}
        self.log = log
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "realtime", "serve"], env=os.environ | env | ports, stdout=stream, stderr=stream
            )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.ws_port}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def get_or_nothing(self, path: str) -> str:
        try:
            return self.get(path)[1]
        except OSError:
            return ""

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def metrics(self, name: str) -> dict[str, float]:
        """Return a metric's samples by their labels, as they are written."""
        found = re.findall(rf"^{re.escape(name)}(?:\{{(.*)\}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return {labels: float(value) for labels, value in found}

    def everybody_serves(self, workers: int = 2) -> bool:
        """Say whether each worker answers, and has read the recent events of both streams."""
        loaded = {(line.get("worker"), line["stream"]) for line in self.lines("feed_loaded")}
        return len(loaded) == 2 * workers and list(self.metrics("realtime_worker_up").values()) == [1.0] * workers

    def workers(self) -> list[int]:
        """Return the pids of its worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Ask the HTTP side for JSON."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else orjson.dumps(body)
        url = f"http://127.0.0.1:{self.http_port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, orjson.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, orjson.loads(error.read())

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = [orjson.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in found if line["event"] == event]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)


Start = Callable[..., Process]
Eventually = Callable[..., Any]


class Publisher:
    """Publishes events as orders and usda do."""

    def __init__(self, connections: dict[str, Client]) -> None:
        self._connections = connections

    async def __call__(self, type_: str, data: dict[str, Any]) -> int:
        context = type_.partition(".")[0]
        event = new_event(type_, data, source=f"/mercadito/{context}")
        stream = self._connections[context].jetstream()
        for _ in range(PUBLISH_TRIES):  # as the relay does: the same event again until it is acknowledged
            with contextlib.suppress(Error):
                return (await stream.publish(type_, event.body(), headers=event.headers(), timeout=0.5)).seq
        raise AssertionError(f"{type_} was never acknowledged")

    async def raw(self, type_: str, body: bytes, headers: dict[str, str] | None = None) -> int:
        stream = self._connections[type_.partition(".")[0]].jetstream()
        return (await stream.publish(type_, body, headers=headers, timeout=10)).seq

    async def offers(self, cycle_id: str, *offers: tuple[str, int, int]) -> int:
        return await self("orders.offers.changed.v1", {"cycle_id": cycle_id, "offers": [offer(*o) for o in offers]})

    async def signed_out(self, person_id: str, **what: str) -> int:
        until = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
        return await self("orders.person.signed_out.v1", {"person_id": person_id, "until": until, **what})


@contextlib.asynccontextmanager
async def publisher(server: NatsServer) -> AsyncIterator[Publisher]:
    connections = {user: await connect(server.settings(user), name="test") for user in ("orders", "usda")}
    yield Publisher(connections)
    for connection in connections.values():
        await connection.close()


def offer(offer_id: str, remaining: int, version: int) -> dict[str, Any]:
    return {
        "offer_id": offer_id,
        "version": version,
        "name": "Avocados",
        "name_es": "Aguacates",
        "pack": "carton, 48s",
        "unit_price_cents": 3400,
        "remaining": remaining,
        "available": 40,
    }


def order(order_id: str, store_id: str, state: str = "placed", version: int = 1) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "number": 17,
        "store_id": store_id,
        "store_name": "Tienda Lupita",
        "cycle_id": "c1",
        "delivery_on": "2026-11-23",
        "cutoff_at": "2026-11-22T04:00:00Z",
        "state": state,
        "version": version,
        "lines": [],
        "total_cents": 6800,
        "actor": {"person_id": "p1", "role": "buyer"},
        "changes": None,
        "reason": None,
    }


class Socket:
    """A client that keeps every frame it got; ephemeral messages, which come when they will, apart."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self.whispers: list[dict[str, Any]] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.connection:
                frame = orjson.loads(text)
                if "b" in frame and "o" not in frame["b"][0]:
                    self.whispers += frame["b"]
                    continue
                self.frames.append(frame)
                if "ping" in frame:
                    await self.say(pong=frame["ping"])

    async def say(self, **frame: Any) -> None:
        await self.connection.send(orjson.dumps(frame).decode())

    async def until(self, wanted: Callable[[dict[str, Any]], Any], timeout_s: float = 20, seen: int = 0) -> Any:
        """Return the first true answer about a frame, those already here (after the first `seen`) included."""
        deadline = time.monotonic() + timeout_s
        while True:
            for frame in self.frames[seen:]:
                seen += 1
                if found := wanted(frame):
                    return found
            assert time.monotonic() < deadline, f"not within {timeout_s} s; last: {self.frames[-3:]}"
            if self._reader.done() and seen == len(self.frames):
                raise AssertionError(f"closed with {self.connection.close_code}; last: {self.frames[-3:]}")
            await asyncio.sleep(0.005)

    async def subscribe(self, channel: str, **how: Any) -> dict[str, Any]:
        """Subscribe and return the answer."""
        seen = len(self.frames)
        await self.say(sub=[{"c": channel, **how}])
        return await self.until(lambda f: f if f.get("sub", {}).get("c") == channel else None, seen=seen)

    def news(self, channel: str) -> list[dict[str, Any]]:
        return [message for frame in self.frames for message in frame.get("b", []) if message["c"] == channel]

    async def message(self, wanted: Callable[[dict[str, Any]], Any], timeout_s: float = 5) -> dict[str, Any]:
        return await self.until(lambda f: next((m for m in f.get("b", []) if wanted(m)), None), timeout_s)

    async def code(self, timeout_s: float = 5) -> int | None:
        """Wait for the end and return the close code."""
        async with asyncio.timeout(timeout_s):
            await self._reader
            await self.connection.wait_closed()
        return self.connection.close_code

    async def close(self) -> None:
        await self.connection.close()
        await self._reader

    def drop(self) -> None:
        """Lose the connection without a word."""
        self.connection.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Clients:
    """Opens sockets, and closes them all in the end."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self._open: list[Socket] = []

    async def open(self, process: Process, *, path: str = "/ws", **options: Any) -> Socket:
        usual = {"origin": f"http://{process.host}", "subprotocols": ["mercadito.v1"], "compression": None}
        options = {**usual, "proxy": None, "ping_interval": None, **options}
        socket = Socket(await open_socket(f"ws://{process.host}{path}", **options))
        self._open.append(socket)
        return socket

    async def signed_in(self, process: Process, person_id: str = "p1", **claims: Any) -> Socket:
        socket = await self.open(process)
        await socket.say(auth=self.issuer.ticket(person_id, **claims))
        await socket.until(lambda f: "welcome" in f)
        return socket

    async def close(self) -> None:
        for socket in self._open:
            await socket.close()

"""1,000 WebSockets over a restart of realtime: how soon they are back, how fast they are let in, what others feel."""

import asyncio
import contextlib
import random
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.gateway.client import Call, Outcome, open_loop, percentile
from tests.bench.gateway.launch import until
from tests.bench.gateway.proxy import gateway, start_services
from tests.driver.ports import free_port

BACK_LIMIT_S = 30
SLOWDOWN = 2
_BACKLOG = 4096
_UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_READY = b"HTTP/1.1 200 OK\r\nX-Service: realtime\r\nContent-Length: 5\r\nConnection: close\r\n\r\nready"


@dataclass(frozen=True)
class Sockets:
    """How much is measured."""

    clients: int = 1_000
    upgrades_per_s: int = 50
    down_s: float = 2.0
    rate: float = 100.0
    normal_s: float = 5.0
    connect_within_s: float = 40.0
    back_within_s: float = 60.0


@dataclass
class Realtime:
    """A realtime service that accepts every upgrade and says nothing."""

    port: int = field(default_factory=free_port)
    handshakes: list[float] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=_BACKLOG)

    def close(self) -> None:
        """Be gone, with all sockets."""
        if self._server:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def empty(self) -> bool:
        """Say whether nothing is under way any more."""
        return not self._open

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /readyz"):
                writer.write(_READY)
            else:
                self.handshakes.append(time.monotonic())
                writer.write(_ACCEPTED)
                await reader.read()
        self._open.discard(writer)
        writer.close()


@dataclass
class _Crowd:
    """Clients that come back whenever they are cut off, each after a moment of its own."""

    port: int
    connected: int = 0
    refused: int = 0

    async def client(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._stay()
            await asyncio.sleep(random.uniform(0.1, 1.0))

    async def _stay(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(_UPGRADE)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head[:20]:
                self.refused += 1
                return
            self.connected += 1
            try:
                await reader.read()
            finally:
                self.connected -= 1
        finally:
            writer.close()


def fastest(moments: Sequence[float], within_s: float = 1.0) -> int:
    """Return how many of these moments lie in the fullest stretch of so many seconds."""
    ordered = sorted(moments)
    return max((bisect_left(ordered, at + within_s) - place for place, at in enumerate(ordered)), default=0)


async def measure(report: Report, folder: Path, plan: Sockets) -> None:
    """Measure ours; the peers neither hold nor limit upgrades."""
    home = folder / "sockets"
    home.mkdir(mode=0o755)
    others, realtime = start_services(home), Realtime()
    ports = {**others.ports, "realtime": realtime.port}
    proxy = gateway(home, ports, GATEWAY_UPGRADES_PER_S=str(plan.upgrades_per_s))
    clients: list[asyncio.Task[None]] = []
    try:
        await realtime.open()
        await proxy.start()
        await proxy.reaches("up", "realtime")
        await proxy.reaches("up")
        print(f"    sockets: {plan.clients} connect", flush=True)
        crowd = _Crowd(proxy.port)
        clients = [asyncio.create_task(crowd.client()) for _ in range(plan.clients)]
        await until(lambda: _all_in(crowd, plan), plan.connect_within_s, f"{plan.clients} sockets connected")
        normal = await open_loop(proxy.port, _calls(plan, plan.normal_s), plan.rate)
        print("    sockets: realtime restarts", flush=True)
        await _restart(report, realtime, crowd, plan, normal)
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        proxy.stop()
        realtime.close()
        await until(realtime.empty, plan.connect_within_s, "the sockets' tasks have ended")
        others.stop()


def _calls(plan: Sockets, seconds: float) -> list[Call]:
    return [Call(f"n{number}") for number in range(int(plan.rate * seconds))]


async def _all_in(crowd: _Crowd, plan: Sockets) -> bool:
    return crowd.connected >= plan.clients


async def _restart(report: Report, realtime: Realtime, crowd: _Crowd, plan: Sockets, normal: Sequence[Outcome]) -> None:
    began = time.monotonic()
    realtime.handshakes.clear()
    realtime.close()
    meanwhile: list[Outcome] = []

    async def ordinary() -> None:
        while True:
            meanwhile.extend(await open_loop(crowd.port, _calls(plan, 1.0), plan.rate))

    async def none_in() -> bool:
        return crowd.connected == 0

    asking = asyncio.create_task(ordinary())
    try:
        await until(none_in, plan.connect_within_s, "every socket is cut")
        await asyncio.sleep(max(0.0, began + plan.down_s - time.monotonic()))
        await realtime.open()
        await until(lambda: _all_in(crowd, plan), plan.back_within_s, f"{plan.clients} sockets are back")
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    what = f"{plan.clients:,} WebSockets over a restart"
    report.add(f"{what}: all are back after", "s", time.monotonic() - began, BACK_LIMIT_S, "limit")
    report.add(
        f"{what}: handshakes in the fullest second", "", fastest(realtime.handshakes), plan.upgrades_per_s, "limit"
    )
    p99_ms = [1000 * percentile([each.latency_s for each in each_set], 0.99) for each_set in (meanwhile, normal)]
    report.add(f"{what}: p99 of ordinary requests", "ms", p99_ms[0], SLOWDOWN * p99_ms[1], "limit: twice the normal")
    report.add(f"{what}: ordinary requests failed", "", sum(not each.ok for each in meanwhile), None, "none allowed")
    report.notes.append(f"{what}: upgrades answered with something else than 101: {crowd.refused}")

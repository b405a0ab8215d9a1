"""Realtime as it is run: one or more `realtime serve` at one port, found by the kernel."""

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench.fanout.actors import REALTIME_PYTHON
from tests.bench.gateway.launch import Process, launch, until
from tests.bench.processes import own_kb, processor_ns, pss_mb
from tests.bench.world import BenchFailed
from tests.driver.ports import free_port

_READY_WITHIN_S = 60
# Above the service's own WS_DRAIN_S.
_ENDS_WITHIN_S = 30
_LIMIT = "100000"


@dataclass
class Realtime:
    """The service. `environment` is what the stage says of NATS and keys."""

    folder: Path
    environment: Mapping[str, str]
    workers: int = 1
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)
    http_ports: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http_ports = [free_port() for _ in range(self.workers)]

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return [process.pid for process in self.processes]

    async def start(self) -> "Realtime":
        """Start all of it and wait until each process can serve."""
        self.processes = [self._launch(number) for number in range(self.workers)]
        for number in range(self.workers):
            await self._ready(number)
        return self

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to each process."""
        for process in self.processes:
            process.tell(number)

    async def restart(self, number: signal.Signals) -> float:
        """End each process and start it again as soon as it has ended, as a supervisor does; return the seconds."""
        began = time.monotonic()
        self.tell(number)
        await asyncio.gather(*(self._again(number) for number in range(self.workers)))
        return time.monotonic() - began

    async def _again(self, number: int) -> None:
        process = self.processes[number]
        try:
            await asyncio.to_thread(process.process.wait, _ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"realtime has not ended {_ENDS_WITHIN_S} s after it was told to") from None
        self.processes[number] = self._launch(number)
        await self._ready(number)

    def processor_ns(self) -> int:
        """Return the processor time used so far."""
        return processor_ns(self.pids)

    def pss_kb(self) -> float:
        """Return what it weighs."""
        return sum(pss_mb(pid) * 1024 for pid in self.pids)

    def own_kb(self) -> int:
        """Return what it holds in memory of its own."""
        return sum(map(own_kb, self.pids))

    async def metric(self, name: str) -> float:
        """Return a value of /metrics, summed over processes; labels are part of the name."""
        pattern = re.compile(rf"^{re.escape(name)} (\S+)$", re.MULTILINE)
        async with httpx.AsyncClient(timeout=10) as client:
            pages = [(await client.get(f"http://127.0.0.1:{port}/metrics")).text for port in self.http_ports]
        return sum(float(found[1]) for page in pages if (found := pattern.search(page)))

    async def stop(self) -> None:
        """End it at once: whoever measures a drain has done so."""
        for process in self.processes:
            await asyncio.to_thread(process.kill_all)

    def _launch(self, number: int) -> Process:
        environment = {
            "MERCADITO_ENV": "test",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(self.http_ports[number]),
            "WS_PORT": str(self.port),
            "WS_MAX_CONNECTIONS": _LIMIT,
            "WS_MAX_PER_PERSON": _LIMIT,
            "WS_MAX_PER_ADDRESS": _LIMIT,
            "MALLOC_ARENA_MAX": "2",
            **self.environment,
        }
        command: list[str | Path] = [REALTIME_PYTHON.parent / "realtime", "serve"]
        return launch(command, self.folder / f"realtime-{number}.log", environment)

    async def _ready(self, number: int) -> None:
        process, url = self.processes[number], f"http://127.0.0.1:{self.http_ports[number]}/readyz"

        async def is_ready() -> bool:
            if not process.alive():
                raise BenchFailed(f"realtime ended:\n{process.log.read_text()[-3000:]}")
            try:
                async with httpx.AsyncClient() as client:
                    return (await client.get(url, timeout=5)).status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False

        await until(is_ready, _READY_WITHIN_S, "realtime is ready")

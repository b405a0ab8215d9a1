"""One real gunicorn that is stopped, killed and started again."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.gateway.client import Call, send
from tests.bench.gateway.launch import Process, launch, until
from tests.bench.world import ROOT
from tests.driver.ports import free_port

WORKERS = 8
READY_WITHIN_S = 20
_PYTHON = ROOT / "services" / "orders" / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Executed:
    """One line of the ledger."""

    method: str
    id: str
    key: str


@dataclass
class Gunicorn:
    """The service with its ledger, at one port for as long as it is measured."""

    folder: Path
    name: str
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def ledger(self) -> Path:
        """Where executed requests stand."""
        return self.folder / f"{self.name}.ledger"

    def start(self) -> None:
        """Start it; it takes a moment until it serves."""
        settings = ["--workers", str(WORKERS), "--worker-class", "sync", "--bind", f"127.0.0.1:{self.port}"]
        command: list[str | Path] = [_PYTHON, "-m", "gunicorn", *settings, "--chdir", Path(__file__).parent, "app:app"]
        log = self.folder / f"{self.name}.gunicorn.log"
        self.process = launch(command, log, {"BENCH_LEDGER": str(self.ledger)})

    async def ready(self) -> None:
        """Wait until it serves."""

        async def answers() -> bool:
            return (await send(self.port, Call("ready", path="/readyz"))).ok

        await until(answers, READY_WITHIN_S, f"{self.name}: gunicorn answers")

    async def away(self, *, down_s: float, kill: bool) -> None:
        """Take it away for so long, by SIGTERM or with all its workers by SIGKILL, and start it again."""
        began = time.monotonic()
        if self.process and kill:
            self.process.kill_all()
        elif self.process:
            self.process.tell(signal.SIGTERM)
            await asyncio.to_thread(self.process.process.wait)
        await asyncio.sleep(max(0.0, began + down_s - time.monotonic()))
        self.start()

    def executed(self) -> Sequence[Executed]:
        """Return what was executed, in order."""
        return [Executed(*line.split(" ")) for line in self.ledger.read_text().splitlines()]

    def stop(self) -> None:
        """End it."""
        if self.process:
            self.process.stop()

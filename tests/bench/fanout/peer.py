"""The peers as processes: started, told how often to broadcast, and weighed."""

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from native import environments
from tests.bench.fanout.actors import FOLDER, Crowd, Door
from tests.bench.gateway.launch import Process, launch, until
from tests.bench.processes import processor_ns, pss_mb
from tests.bench.world import ROOT, BenchFailed
from tests.driver.ports import free_port

_PEERS = FOLDER / "peers"
_LISTENS_WITHIN_S = 20


@dataclass(frozen=True)
class Kind:
    """A peer: the module that runs it, how its clients speak, and its name in the table."""

    module: str
    title: str
    mode: str = "plain"
    path: str = "/ws"


FLASK = Kind("flask_socketio_app", "Flask-SocketIO, gevent", "engine.io", "/socket.io/?EIO=4&transport=websocket")
FASTAPI = Kind("fastapi_app", "FastAPI on uvicorn")
WEBSOCKETS = Kind("websockets_broadcast", "websockets.broadcast()")
FLOOR = Kind("floor", "floor: write(2)")
KINDS = (FLASK, FASTAPI, WEBSOCKETS, FLOOR)


def install() -> str:
    """Make the peers' environment; return why it can't be had, if so."""
    try:
        environments.ensure(_PEERS)
    except environments.EnvironmentFailed as failure:
        return str(failure)
    return ""


def installed() -> bool:
    """Say whether the peers can run."""
    return (_PEERS / ".venv" / "stamp").exists()


@dataclass
class Peer:
    """One of them."""

    kind: Kind
    folder: Path
    port: int = field(default_factory=free_port)
    cue_port: int = field(default_factory=free_port)
    process: Process | None = None

    async def start(self) -> "Peer":
        """Start it and wait until it listens."""
        module = f"tests.bench.fanout.peers.{self.kind.module}"
        python = _PEERS / ".venv" / "bin" / "python"
        command: list[str | Path] = [python, "-m", module, str(self.port), str(self.cue_port)]
        log = self.folder / f"{self.kind.module}.log"
        process = self.process = launch(command, log, {"PYTHONPATH": str(ROOT)})

        async def listens() -> bool:
            if not process.alive():
                raise BenchFailed(f"{self.kind.title} ended:\n{process.log.read_text()[-2000:]}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
            return False

        await until(listens, _LISTENS_WITHIN_S, f"{self.kind.title} listens")
        return self

    async def crowd(self, program: Path) -> Crowd:
        """Return clients for it."""
        door = Door(self.kind.mode, self.port, self.kind.path)
        return await Crowd.of(program, self.folder / f"crowd-{self.kind.module}.log", door)

    async def publish(self, count: int) -> None:
        """Let it broadcast so many messages."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as cue:
            cue.sendto(str(count).encode(), ("127.0.0.1", self.cue_port))

    def processor_ns(self) -> int:
        """Return the processor time used so far."""
        return processor_ns([self.process.pid]) if self.process else 0

    def pss_kb(self) -> float:
        """Return what it weighs."""
        return pss_mb(self.process.pid) * 1024 if self.process else 0.0

    async def stop(self) -> None:
        """End it."""
        if self.process:
            self.process.kill_all()

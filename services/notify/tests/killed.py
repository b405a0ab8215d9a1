"""A sender in a process of its own that can be killed at any moment, and started again within milliseconds.

The fork server has everything imported: a killed sender's successor is a fork of it.
"""

import asyncio
import multiprocessing
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess

from mercadito_events.service.database import DatabaseSettings, create_engine
from notify.sending.connections import Bounds
from notify.sending.sender import Sender
from sqlalchemy import make_url
from world import post

CONNECTIONS = 4
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["killed"])


def send(url: str, port: int, lease_s: float) -> None:
    """Send until killed."""
    engine = create_engine(DatabaseSettings(make_url(url)), pool_size=3, max_overflow=3)
    bounds = Bounds(connections=CONNECTIONS, messages_each=7)
    asyncio.run(Sender(engine, post(port, bounds=bounds), lease_s=lease_s).run(asyncio.Event()))


@dataclass
class Killable:
    """Senders that are started and killed from here; all are gone at the end."""

    url: str
    port: int
    lease_s: float = 0.5
    running: list[ForkServerProcess] = field(default_factory=list)

    def start(self) -> None:
        process = _processes.Process(target=send, args=(self.url, self.port, self.lease_s), daemon=True)
        process.start()
        self.running.append(process)

    def kill(self, which: int = 0) -> None:
        """``kill -9``, from any thread; the process may be gone already."""
        pid = self.running[which].pid
        assert pid is not None
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def bury(self, which: int = 0) -> None:
        """Wait for the end of one that was killed."""
        self.running.pop(which).join(timeout=30)

    def end(self) -> None:
        for process in self.running:
            process.kill()
        for process in self.running:
            process.join(timeout=30)
        self.running.clear()

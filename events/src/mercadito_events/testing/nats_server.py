"""A nats-server for tests: the real users, the real streams, a folder and ports of its own."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mercadito_events.connection import NatsSettings, connect
from mercadito_events.provisioner import Outcome, provision
from mercadito_events.testing.guard import Guard
from mercadito_events.testing.ports import free_port
from mercadito_events.topology import load, shipped

START_DEADLINE_S = 20.0
USERS = ("provisioner", "orders", "realtime", "usda", "notify", "operator")

_CONFIGURATION = """
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor_port}
max_payload: 1MB
jetstream {{ store_dir: "{folder}/jetstream", max_file_store: 2GB, max_memory_store: 16MB }}
include "{accounts}"
"""


class NatsServer:
    """The server; ``kill`` is a crash, ``start`` brings it back on the same port with the same store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self.port, self.monitor_port = free_port(), free_port()
        # The include path is relative to the configuration, so the file lies beside it.
        shutil.copy(shipped("accounts.conf"), folder / "accounts.conf")
        text = _CONFIGURATION.format(
            port=self.port, monitor_port=self.monitor_port, folder=folder, accounts="accounts.conf"
        )
        (folder / "nats.conf").write_text(text)

    @property
    def url(self) -> str:
        """Return the address clients connect to."""
        return f"nats://127.0.0.1:{self.port}"

    def settings(self, user: str) -> NatsSettings:
        """Return what a service's connection needs."""
        return NatsSettings(self.url, user, _password(user))

    def environment(self, user: str) -> dict[str, str]:
        """Return the settings a process started as this user needs."""
        return {"NATS_URL": self.url, "NATS_USER": user, "NATS_PASSWORD": _password(user)}

    def start(self) -> None:
        """Start it and return when it listens."""
        passwords = {f"NATS_PASSWORD_{user.upper()}": _password(user) for user in USERS}
        # Debian keeps it where an ordinary user's PATH does not look.
        program = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise RuntimeError("nats-server is not installed (Debian: apt-get install nats-server)")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program, own arguments
                [program, "-c", str(self._folder / "nats.conf")], env=os.environ | passwords, stdout=log, stderr=log
            )
        self._guard = Guard(self._process, signal_name="KILL")
        self._wait()

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def reset(self) -> None:
        """Forget every message: an empty store, streams and durables made anew (about half a second)."""
        self.forget()
        self.provision()

    def forget(self) -> None:
        """Lose the store, streams and durables included, as a server whose disk was replaced."""
        self.kill()
        shutil.rmtree(self._folder / "jetstream", ignore_errors=True)
        self.start()

    def provision(self) -> list[Outcome]:
        """Make the streams and durables; blocks, but may be called inside a running event loop."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._provision()).result()

    async def _provision(self) -> list[Outcome]:
        nc = await connect(self.settings("provisioner"), name="provisioner")
        try:
            return await provision(nc, load())
        finally:
            await nc.close()

    def _end(self, number: int) -> None:
        if self._guard is not None:
            self._guard.disarm()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(timeout=START_DEADLINE_S)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError as error:
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(f"nats-server does not start:\n{(self._folder / 'log').read_text()}") from error
                time.sleep(0.02)


def _password(user: str) -> str:
    return f"a{user.encode().hex()}{'0' * 24}"

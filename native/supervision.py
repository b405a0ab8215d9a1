"""Talking to the supervisor that keeps the processes alive (supervisord, by XML-RPC over its socket)."""

import http.client
import socket
import subprocess
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from native.environments import TOOLS
from native.settings import Environment
from native.state import State

START_WITHIN_S = 30
STOP_WITHIN_S = 90


class NotRunning(Exception):
    """No supervisor answers for this run folder."""


class ControlFailed(Exception):
    """The supervisor could not do what was asked."""


@dataclass(frozen=True)
class Process:
    """One supervised process as `make status` shows it."""

    name: str
    state: str
    pid: int


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=STOP_WITHIN_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class _SocketTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _SocketConnection(self.path)
        self._connection = (host, connection)  # what the base class closes
        return connection


class Supervisor:
    """The supervisor of one run folder."""

    def __init__(self, state: State) -> None:
        self.state = state

    def _call(self, method: str, *arguments: object) -> Any:
        transport = _SocketTransport(self.state.control_socket)
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException):
            raise NotRunning(f"no supervisor answers for {self.state.folder}: start it with `make run`") from None
        except xmlrpc.client.Fault as fault:
            raise ControlFailed(f"{method} {arguments[0] if arguments else ''}: {fault.faultString}") from None

    def answers(self) -> bool:
        """Say whether this run folder's supervisor is there."""
        try:
            self._call("getState")
        except NotRunning:
            return False
        return True

    def launch(self, configuration: Path, environment: Environment) -> None:
        """Start the supervisor itself, in the background, and wait until it answers."""
        command = [str(TOOLS / "bin" / "supervisord"), "-c", str(configuration)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        deadline = time.monotonic() + START_WITHIN_S
        while not self.answers():
            if time.monotonic() > deadline:
                raise ControlFailed(f"the supervisor does not answer (see {self.state.logs_dir}/supervisord.log)")
            time.sleep(0.05)

    def processes(self) -> list[Process]:
        """Return every process with its state and, when it runs, its pid."""
        return [
            Process(each["name"], each["statename"].lower(), each["pid"]) for each in self._call("getAllProcessInfo")
        ]

    def process(self, name: str) -> Process:
        """Return one process; raises ControlFailed for a name that there is none of."""
        found = {process.name: process for process in self.processes()}
        if name not in found:
            raise ControlFailed(f"there is no process {name!r}; there are: {', '.join(found)}")
        return found[name]

    def start(self, name: str) -> None:
        """Start one process unless it runs already."""
        if self.process(name).state not in {"running", "starting"}:
            self._call("startProcess", name, False)

    def stop(self, *names: str) -> None:
        """Stop these processes together, each with its own signal, and wait until all have ended."""
        going = ("running", "starting", "backoff", "stopping")
        for process in self.processes():
            if process.name in names and process.state in going[:3]:
                self._call("stopProcess", process.name, False)
        deadline = time.monotonic() + STOP_WITHIN_S
        while left := [each.name for each in self.processes() if each.name in names and each.state in going]:
            if time.monotonic() > deadline:
                raise ControlFailed(f"not ended after {STOP_WITHIN_S} s: {', '.join(left)}")
            time.sleep(0.05)

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal, by name ("HUP"), to one process."""
        self._call("signalProcess", name, signal_name)

    def shutdown(self) -> None:
        """Stop every process and the supervisor, and wait until all have ended."""
        self._call("shutdown")
        deadline = time.monotonic() + STOP_WITHIN_S
        while self.answers():
            if time.monotonic() > deadline:
                raise ControlFailed("the supervisor does not end")
            time.sleep(0.1)

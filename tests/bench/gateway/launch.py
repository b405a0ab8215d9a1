"""Processes that end with the benchmark, each stopped by its own id."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.world import BenchFailed

_POLL_S = 0.005
_STOP_WITHIN_S = 10
_FILES = 20_000


def allow_many_files() -> None:
    """Let this process and its children hold thousands of connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = max(hard, _FILES) if os.geteuid() == 0 or hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, _FILES), hard))


@dataclass
class Process:
    """A started process, the leader of a group of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its id."""
        return self.process.pid

    def alive(self) -> bool:
        """Say whether it runs."""
        return self.process.poll() is None

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        self.process.send_signal(number)

    def kill_all(self) -> None:
        """End it and its children as `docker kill` does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and make it, with whatever it leaves in its group."""
        if self.alive():
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_WITHIN_S)
        self.kill_all()


def launch(command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Start a process that ends with this one, whatever ends this one."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *map(str, command)],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], **(environment or {})},
            start_new_session=True,
        )
    return Process(started, log)


async def until(claim: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
    """Wait until a claim holds, asked again and again."""
    deadline = time.monotonic() + within_s
    while not await claim():
        if time.monotonic() > deadline:
            raise BenchFailed(f"not within {within_s:.0f} s: {what}")
        await asyncio.sleep(_POLL_S)

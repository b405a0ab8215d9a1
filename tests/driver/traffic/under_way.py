"""Traffic as a test has it: begun, told what is done to the system meanwhile, and ended with its reckoning."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.driver.system import ROOT, System
from tests.driver.traffic.volume import FULL, Volume

# The settings of a system whose few people open so many screens from one address.
ROOM = {"WS_MAX_PER_PERSON": "60", "WS_MAX_PER_ADDRESS": "400"}
ENDED_WITHIN_S = 180
SAID_LAST = 3000


@dataclass(frozen=True)
class Phase:
    """What became of the requests that were due while one thing was done."""

    name: str
    requests: dict[str, int]
    failed: int
    examples: list[str]
    held: int
    median_ms: float
    longest_s: float


@dataclass(frozen=True)
class Reckoning:
    """All of it; `missed` counts what happened in a screen's channels and was not shown, over all screens."""

    flowed_s: float
    skipped: int
    phases: list[Phase]
    orders: int
    lost: list[str]
    doubled: list[str]
    missed: int
    missed_by: list[str]
    messages: int
    resets: dict[str, int]
    screens: dict[str, int]

    @property
    def failed(self) -> list[str]:
        """Each phase's first failed requests, in words."""
        return [f"{phase.name}: {phase.failed} failed, {phase.examples}" for phase in self.phases if phase.failed]

    def count(self, kind: str) -> int:
        """How many requests of a kind were sent."""
        return sum(phase.requests.get(kind, 0) for phase in self.phases)

    def table(self) -> str:
        """Say in a table how it was, for a log."""
        lines = [
            f"{phase.name:32} {sum(phase.requests.values()):6} requests {phase.failed:4} failed {phase.held:5} held"
            f" median {phase.median_ms:7.1f} ms longest {phase.longest_s:6.2f} s"
            for phase in self.phases
        ]
        told = f"{self.orders} orders, {self.messages} messages, resets {self.resets}, screens {self.screens}"
        return "\n".join([*lines, told])


@dataclass
class Traffic:
    """It runs until `ends` is called."""

    process: "subprocess.Popen[str]"
    log: Any
    told: list[str] = field(default_factory=list)
    """The lines that it said at the end."""
    _ended: list[Reckoning] = field(default_factory=list)

    def phase(self, name: str) -> None:
        """From now on requests count for this."""
        assert self.process.stdin is not None
        print(name, file=self.process.stdin, flush=True)

    def ends(self) -> Reckoning:
        """Let it end, wait for all that is under way, and return what became of everything."""
        if not self._ended:
            said, _ = self.process.communicate(timeout=ENDED_WITHIN_S)
            assert self.process.returncode == 0, self._said()
            self.told.extend(said.splitlines())
            made = json.loads(self.told[-1])
            phases = [Phase(**phase) for phase in made.pop("phases")]
            self._ended.append(Reckoning(phases=phases, **made))
        return self._ended[0]

    def _said(self) -> str:
        self.log.seek(0)
        return str(self.log.read())[-SAID_LAST:]


@contextmanager
def traffic(system: System, volume: Volume = FULL, program: str = "tests.driver.traffic") -> Iterator[Traffic]:
    """Begin it and wait until every screen is open; whatever happens it ends with the block."""
    command = [sys.executable, "-m", program, system.url, *volume.words()]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        running = Traffic(process, log)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", running._said()
            yield running
        finally:
            if process.poll() is None:
                process.kill()

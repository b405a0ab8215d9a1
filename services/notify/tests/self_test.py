"""``notify self-test`` as an operator types it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from name_server import NameServer

WITHIN_S = 60


@dataclass
class SelfTest:
    """One command, again and again, and what it printed last."""

    environment: dict[str, str]
    names: NameServer
    printed: str = ""
    progress: str = ""

    def run(self, *arguments: str, **changes: str) -> int:
        command = [sys.executable, "-m", "notify", "self-test", "--timeout", "2"]
        command += ["--resolver", f"127.0.0.1:{self.names.port}", *arguments]
        done = subprocess.run(
            command, env=self.environment | changes, capture_output=True, text=True, check=False, timeout=WITHIN_S
        )
        self.printed, self.progress = done.stdout, done.stderr
        return done.returncode

    def line(self, check: str) -> str:
        """Return the one line about this check."""
        (line,) = [line for line in self.printed.splitlines() if line[2:].startswith(f"{check}: ")]
        return line

    def as_json(self, *arguments: str, **changes: str) -> dict[str, Any]:
        self.run("--json", *arguments, **changes)
        told: dict[str, Any] = json.loads(self.printed)
        return told

"""The acceptance walk, a program beside this checkout: ../shared/checks/whole_way.py."""

import re
import subprocess
import sys

from tests.driver.system import ROOT, System

WHOLE_WAY = ROOT.parent / "shared" / "checks" / "whole_way.py"
WALKED_WITHIN_S = 300
TRIES = 3
# It reads for 12 s while orders starts anew, and wants a hundred answers. Beside other suites a process may take that
# long to start: whoever asked was held then, nobody was refused, and only a hundred did not ask.
_HELD_FOR_LONG = re.compile(r"FAIL (restart|kill -9) of orders under load: Failed: 0 of \d+ failed: \[\]")


def walk(system: System) -> None:
    """Have it walk through the system, which is left as it was."""
    command = [sys.executable, str(WHOLE_WAY), system.url, "--run-dir", str(system.run_dir)]
    said = ""
    for _ in range(TRIES):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=system.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=WALKED_WITHIN_S,
        )
        if done.returncode == 0:
            return
        said = done.stdout + done.stderr
        if not was_only_slow(done.stdout):
            break
    raise AssertionError(said)


def was_only_slow(said: str) -> bool:
    """Say whether all that failed were steps in which no request did."""
    failed = [line for line in said.splitlines() if line.startswith("FAIL")]
    return bool(failed) and all(_HELD_FOR_LONG.fullmatch(line) for line in failed)

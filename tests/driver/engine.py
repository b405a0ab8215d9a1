"""The container engine of this machine."""

import subprocess

ASKED_WITHIN_S = 30


def engine_problem() -> str | None:
    """Say why containers can't be started here; None where they can."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            asked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=ASKED_WITHIN_S)
        except (OSError, subprocess.TimeoutExpired) as problem:
            return f"no Docker engine: {problem} (compose/engine/prepare sets one up)"
        if asked.returncode:
            last = (asked.stderr or asked.stdout).strip().splitlines()[-1:]
            return f"no Docker engine: {' '.join(command)}: {' '.join(last)} (compose/engine/prepare sets one up)"
    return None

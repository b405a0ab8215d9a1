"""Runs bin/start where it is expected to refuse."""

import subprocess

from gateway import HOME


def start(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOME / "bin/start", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=20
    )

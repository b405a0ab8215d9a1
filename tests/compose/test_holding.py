"""What is told when the gateway does not hold requests for who is about to go; a stand-in says what it answers."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.driver.system import ROOT

DOCKER = """#!/bin/bash
case $* in
    ps*service=gateway*) echo gateway ;;
    exec*"admin pause"*) echo "$SAYS" >&2; exit "$ENDS" ;;
esac
"""
HOLD = "source compose/system; source compose/holding; hold orders-web; echo gone on"


@pytest.mark.parametrize(
    ("ends", "says", "told"),
    [
        (0, "", ""),
        (1, "not drained", ""),
        (4, "unauthorized: the operator's token", "not held before it goes: unauthorized: the operator's token"),
        (3, "admin: no answer", "not held before it goes: admin: no answer"),
    ],
    ids=["held", "held, not drained", "refused", "no answer"],
)
def test_what_is_not_held_is_told_and_goes_all_the_same(tmp_path: Path, ends: int, says: str, told: str) -> None:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "ENDS": str(ends), "SAYS": says}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", HOLD, str(ROOT / "compose" / "control")],
        cwd=ROOT,
        env=given,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "gone on"
    assert told in done.stdout
    assert ("not held" in done.stdout) is bool(told)

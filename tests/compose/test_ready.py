"""When compose's scripts take a container for ready; stand-ins say what an engine would."""

import os
import subprocess

import pytest

from tests.driver.system import ROOT

SCRIPT = """
set -euo pipefail
source {root}/compose/system
docker() {{
    case "$*" in
        *Healthcheck*) printf '%s' "$CHECK" ;;
        *State.Running*) echo "$STATE" ;;
        exec*) echo "asked ${{*:3}}" >&2; return "$ANSWER" ;;
    esac
}}
wait_until_ready one one 0 && echo ready
"""


@pytest.mark.parametrize(
    ("check", "state", "answer", "is_ready"),
    [
        ("CMD\ntrue\n\n", "true false", 0, True),
        ("CMD\ntrue\n\n", "true false", 1, False),
        # The collector's image has nothing to be asked with.
        ("", "true false", 0, True),
        ("\n", "true true", 0, False),
        ("", "false false", 0, False),
    ],
)
def test_a_container_is_ready_when_its_check_says_so_or_runs_where_it_has_none(
    check: str, state: str, answer: int, *, is_ready: bool
) -> None:
    done = subprocess.run(
        ["bash", "-c", SCRIPT.format(root=ROOT)],
        env={"PATH": os.environ["PATH"], "CHECK": check, "STATE": state, "ANSWER": str(answer)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.stdout == "ready\n") is is_ready, done.stderr
    assert done.returncode == (0 if is_ready else 1)
    assert "unbound" not in done.stderr

"""What a deploy and a rollback do where a restore broke off; a stand-in says what an engine and a database would."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.compose.test_deploy import COMPOSE, DONE_WITHIN_S, GOOD, run
from tests.driver.system import ROOT

# One container, of the database. Whatever is not about it is answered with nothing, which stops no deploy.
DOCKER = """#!/bin/bash
case $* in
    version*) echo 27.0 ;;
    "compose version"*) echo 2.30.0 ;;
    ps*service=postgres*) [ "$STATE" = none ] || echo postgres ;;
    inspect*State.Running*postgres) [ "$STATE" = running ] && echo true false || echo false false ;;
    exec*psql*) printf '%s\\n' "$*" >>"$ASKED"; [ "$MARK" != away ] && echo "$MARK" ;;
esac
"""
RELEASES = "2026-01-01T00:00:00Z a production\n2026-01-02T00:00:00Z b production\n"


@pytest.fixture
def server(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "releases").write_text(RELEASES)
    own = {"MERCADITO_STATE_DIR": str(tmp_path / "state"), "MERCADITO_PORT": "18999"}
    return {**own, **GOOD, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked")}


def mark() -> str:
    """Return the mark that a restore under way leaves on the database."""
    (found,) = re.findall(r'"(_half\w+)"', (ROOT / "backup/src/mercadito_backup/restoring.py").read_text())
    return str(found)


@pytest.mark.parametrize("command", [("deploy", "--check"), ("deploy",), ("rollback",)])
def test_neither_goes_on_over_a_restore_that_broke_off(server: dict[str, str], command: tuple[str, ...]) -> None:
    name, *options = command
    done = run(name, server | {"STATE": "running", "MARK": mark()}, *options)
    assert done.returncode == 1
    assert "run compose/restore again with the same backup" in done.stdout
    assert "nothing was touched" in done.stdout
    assert "'orders'" in Path(server["ASKED"]).read_text()


@pytest.mark.parametrize("state", [("none", ""), ("stopped", "_half_restored"), ("running", ""), ("running", "away")])
def test_otherwise_both_go_on(server: dict[str, str], state: tuple[str, str]) -> None:
    own = dict(zip(("STATE", "MARK"), state, strict=True))
    done = run("deploy", server | own, "--check")
    assert done.returncode == 0, done.stdout
    # What comes next: a stand-in has no images.
    assert "compose/restore" not in run("rollback", server | own).stdout


def test_a_database_that_was_not_ready_is_asked_again_before_a_backup_is_taken() -> None:
    """After a power cut it may still be at its recovery."""
    deploy = (COMPOSE / "deploy").read_text().replace('\nmain "$@"; exit', "")
    stand_ins = "compose() { :; }; becomes_ready() { :; }; is_running() { :; }; container_of() { echo $1; }"
    script = f"{deploy}\nquietly() {{ :; }}; {stand_ins}; ask_database() {{ echo {mark()}; }}; take_backup"
    done = subprocess.run(
        ["bash", "-c", script, str(COMPOSE / "deploy")],
        env={"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": "/nonexistent"},
        check=False,
        capture_output=True,
        text=True,
        timeout=DONE_WITHIN_S,
    )
    assert done.returncode == 1
    assert "run compose/restore again with the same backup" in done.stderr

"""What runs a service's sources anew for `make dev`; no engine is touched."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.polling import eventually
from tests.driver.system import ROOT

WITHIN_S = 20


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A service of one module, which writes what it is to a file and waits to be ended."""
    source = tmp_path / "source" / "service.py"
    source.parent.mkdir()
    (source.parent / "what.py").write_text("WHAT = 'the first'\n")
    source.write_text(
        "import os, pathlib, signal\nimport what\n"
        "pathlib.Path(os.environ['SAID']).write_text(what.WHAT)\n"
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
        "signal.pause()\n"
    )
    return source


@pytest.fixture
def running(program: Path, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    said = tmp_path / "said"
    environment = {"PYTHONPATH": str(program.parent), "SAID": str(said), "PATH": os.environ["PATH"]}
    command = [sys.executable, str(ROOT / "compose/dev/reload.py"), sys.executable, "-B", "-m", "service"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        eventually(said.exists, within_s=WITHIN_S, what="the service runs")
        yield process
        # Killed, it would leave the service behind.
        process.terminate()
        process.wait(WITHIN_S)


def says(tmp_path: Path, what: str) -> None:
    file = tmp_path / "said"
    eventually(lambda: file.exists() and file.read_text() == what, within_s=WITHIN_S, what=what)


@pytest.mark.usefixtures("running")
def test_a_change_is_run(program: Path, tmp_path: Path) -> None:
    says(tmp_path, "the first")
    (program.parent / "what.py").write_text("WHAT = 'the second, longer'\n")
    says(tmp_path, "the second, longer")


def test_wrong_code_is_waited_out_until_it_is_right(
    running: "subprocess.Popen[str]", program: Path, tmp_path: Path
) -> None:
    says(tmp_path, "the first")
    (program.parent / "what.py").write_text("WHAT = \n")
    assert running.stdout
    assert any("waiting for a change" in line for line in running.stdout)
    (program.parent / "what.py").write_text("WHAT = 'right again'\n")
    says(tmp_path, "right again")


def test_told_to_end_it_ends_the_service_and_says_how_that_went(running: "subprocess.Popen[str]") -> None:
    running.send_signal(signal.SIGTERM)
    assert running.wait(WITHIN_S) == 7

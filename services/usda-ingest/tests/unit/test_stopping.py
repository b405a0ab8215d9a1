"""A child process ends when it is told to, or when nobody waits for it any more."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

CHILD = """
from usda_ingest.stopping import stop_when_told
stop = stop_when_told()
print("begun", flush=True)
print("ended" if stop.wait(60) else "nobody told it", flush=True)
"""
# A service that waits for its child; ended by a kill it can tell the child nothing.
SERVICE = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", *request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stdout
        assert begun.stdout.readline() == "begun\n"
        yield begun
        begun.kill()


@pytest.mark.parametrize("process", [[CHILD]], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    process.send_signal(number)
    assert process.communicate(timeout=30)[0] == "ended\n"
    assert process.returncode == 0


@pytest.mark.parametrize("process", [[SERVICE, CHILD]], indirect=True)
def test_a_killed_parent_ends_it(process: "subprocess.Popen[str]") -> None:
    process.kill()
    assert process.communicate(timeout=30)[0] == "ended\n"

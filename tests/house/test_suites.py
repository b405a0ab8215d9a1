"""`make test` forgets no test, and prepares the machine for a suite only where it must run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import explore, run
from tests.house.test_repository import python_files
from tests.suites import ROOT, Suite, suites

FAILS = "import sys; print('no engine'); sys.exit(3)"


def folders(suite: Suite) -> list[Path]:
    return [suite.folder / path for path in suite.paths]


def test_every_test_belongs_to_one_suite() -> None:
    tests = [file for file in python_files() if file.name.startswith("test_")]
    assert tests
    wrong = {
        str(test.relative_to(ROOT)): names
        for test in tests
        if len(names := [each.name for each in suites() if any(test.is_relative_to(one) for one in folders(each))]) != 1
    }
    assert wrong == {}


@pytest.fixture
def nothing_here(tmp_path: Path) -> Suite:
    """A suite without a test, which a failing command prepares for."""
    return Suite("nothing", "tests", (str(tmp_path),), before=(sys.executable, "-c", FAILS))


def test_what_can_not_be_prepared_fails_the_suite_and_is_told(
    nothing_here: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_DOCKER", "1")
    outcome = run.run_suite(nothing_here)
    assert (outcome.passed, outcome.failed, outcome.output) == (0, 1, "no engine\n")


def test_where_it_need_not_run_nothing_is_prepared(nothing_here: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_DOCKER", raising=False)
    assert "no engine" not in run.run_suite(nothing_here).output


@pytest.mark.parametrize("project", explore.PROJECTS)
def test_each_project_that_is_explored_makes_examples_up(project: str) -> None:
    assert explore.files(project)


def test_what_is_no_project_is_not_explored(capsys: pytest.CaptureFixture[str]) -> None:
    assert explore.main(["services/nobody"]) == 2
    assert "services/orders" in capsys.readouterr().out


INTERFACES = "import socket; print([name for _, name in socket.if_nameindex()])"
REACHES_ITSELF = (
    "import socket; to = socket.create_server(('127.0.0.1', 0)); socket.create_connection(to.getsockname(), 5)"
)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network")
def test_a_browser_is_on_a_network_that_the_containers_of_others_do_not_disturb() -> None:
    (browser,) = [suite for suite in suites() if suite.name == "browser"]
    around = browser.command[: browser.command.index("pytest") - 2]
    seen = subprocess.run(
        [*around, sys.executable, "-c", f"{REACHES_ITSELF}; {INTERFACES}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "lo" in seen.stdout
    assert not [name for name in ("eth", "docker", "veth", "br-") if name in seen.stdout]

"""The supervisor's configuration, read back as the supervisor reads it."""

import json
import subprocess
from pathlib import Path

import pytest

from native import configuration, postgres
from native.environments import TOOLS
from native.programs import programs
from native.settings import full_environment
from native.state import State

READ_BACK = """
import json, sys
from supervisor.options import ServerOptions
options = ServerOptions()
options.realize(["-c", sys.argv[1]])
print(json.dumps({
    program.name: [program.command, program.stdout_logfile, program.environment]
    for group in options.process_group_configs
    for program in group.process_configs
}))
"""


def read_back(file: Path) -> dict[str, tuple[str, str, dict[str, str]]]:
    command = [str(TOOLS / "bin" / "python"), "-W", "ignore", "-c", READ_BACK, str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[str, str, dict[str, str]]] = json.loads(done.stdout)
    return found


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> State:
    chosen = State(tmp_path / "run", 18_000)
    chosen.prepare()
    monkeypatch.setattr(postgres, "cluster", lambda _state: tmp_path / "postgres")
    return chosen


def seen_by_each(state: State) -> dict[str, dict[str, str]]:
    """Return the environment that the supervisor starts each process in."""
    written = read_back(configuration.write(state))
    return {name: {**configuration.inherited(state), **environment} for name, (_, _, environment) in written.items()}


@pytest.mark.parametrize(
    "name",
    ['Mercado "El Sol"', "Store #1; the first", "100 % fresh", "Farmers' Market", "Mercado de los niños", "a\\b"],
)
def test_a_hub_may_have_any_name(monkeypatch: pytest.MonkeyPatch, state: State, name: str) -> None:
    monkeypatch.setenv("HUB_NAME", name)
    assert seen_by_each(state)["orders-web"]["HUB_NAME"] == name


@pytest.mark.parametrize("folder", ["files", "our files", "año #1", 'the "real" ones'])
def test_every_process_gets_what_it_is_told_and_what_the_caller_sets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: State, folder: str
) -> None:
    given = {
        "USDA_FILES_DIR": str(tmp_path / folder),
        "USDA_TODAY": "2026-01-08",
        "LOG_LEVEL": "debug",
        "WEB_THREADS": "4",
        "GATEWAY_HOLD_S": "7",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    seen = seen_by_each(state)
    for each in programs(state):
        assert full_environment(each.environment).items() <= seen[each.name].items()
    assert given.items() <= {**seen["usda-site"], **seen["orders-web"], **seen["gateway"]}.items()
    assert seen["usda-site"]["USDA_FILES_DIR"] == given["USDA_FILES_DIR"]
    assert "WEB_THREADS" not in seen["usda"]

"""The supervisor's configuration, read back as the supervisor reads it."""

import json
import subprocess
from pathlib import Path

import pytest

from native import configuration, postgres
from native.environments import TOOLS
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


@pytest.mark.parametrize("name", ['Mercado "El Sol"', "Store #1; the first", "100 % fresh", "Farmers' Market"])
def test_a_hub_may_have_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("HUB_NAME", name)
    state = State(tmp_path / "run", 18_000)
    state.prepare()
    monkeypatch.setattr(postgres, "cluster", lambda _state: tmp_path / "postgres")
    settings = read_back(configuration.write(state))["orders-web"][2]
    # The supervisor's processes inherit its environment, which is ours.
    assert settings.get("HUB_NAME", name) == name
    assert settings["HTTP_PORT"] == str(state.ports["orders-web"])

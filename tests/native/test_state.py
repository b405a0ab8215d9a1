"""The run folder of a native system: ports, secrets, paths."""

import json
import socket
import stat
from pathlib import Path

import pytest

from native.state import LISTENERS, PASSWORDS, State


@pytest.fixture
def state(tmp_path: Path) -> State:
    chosen = State(tmp_path / "run", 18_000)
    chosen.prepare()
    return chosen


def test_every_listener_gets_a_port_of_its_own(state: State) -> None:
    assert set(state.ports) == {*LISTENERS, "gateway", "gateway-admin"}
    assert len(set(state.ports.values())) == len(state.ports)
    assert state.ports["gateway-admin"] == state.ports["gateway"] + 1


def test_ports_stay_the_same_at_the_next_start(state: State) -> None:
    before = dict(state.ports)
    state.prepare()
    assert state.ports == before


def test_a_port_that_was_taken_meanwhile_is_chosen_anew(state: State) -> None:
    with socket.socket() as squatter:
        squatter.bind(("0.0.0.0", state.ports["orders-web"]))
        squatter.listen()
        before = dict(state.ports)
        state.prepare()
    assert state.ports["orders-web"] != before["orders-web"]
    assert state.ports["usda"] == before["usda"]


def test_half_a_file_of_ports_does_not_keep_the_system_from_starting(state: State) -> None:
    (state.folder / "ports.json").write_text('{"gateway": 18000, "post')
    state.prepare()
    assert set(json.loads((state.folder / "ports.json").read_text())) == {*LISTENERS, "gateway", "gateway-admin"}


def test_secrets_are_made_once_strong_and_private(state: State) -> None:
    first = {name: state.secret(name) for name in PASSWORDS}
    assert len(set(first.values())) == len(PASSWORDS)
    assert all(len(secret) >= 48 for secret in first.values())
    state.prepare()
    assert {name: state.secret(name) for name in PASSWORDS} == first
    for name in PASSWORDS:
        assert stat.S_IMODE((state.secrets_dir / name).stat().st_mode) == 0o600


def test_a_long_run_folder_puts_the_control_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    assert len(str(State(folder, 8080).control_socket)) <= 100


def test_ports_are_written_for_others_to_read(state: State) -> None:
    assert json.loads((state.folder / "ports.json").read_text()) == state.ports

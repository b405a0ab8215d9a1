"""Commands that act on the one that runs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from native import control
from native.state import State

EXIT_CODE = 75

Asked = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Commands that would have been run, with their environments."""
    commands: Asked = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append((command, how["env"]))
        return subprocess.CompletedProcess(command, EXIT_CODE)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "run", 18_000)
    made.prepare()
    return made


def test_a_command_of_notify_has_its_settings_and_tells_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, state: State, asked: Asked
) -> None:
    monkeypatch.setenv("DIGEST_AT", "fri 06:00")
    assert control.ask(state, ["digest", "--now"]) == EXIT_CODE
    ((command, environment),) = asked
    assert command[0].endswith("services/notify/.venv/bin/notify")
    assert command[1:] == ["digest", "--now"]
    assert environment["DIGEST_AT"] == "fri 06:00"
    assert environment["NATS_USER"] == "notify"


def test_the_first_admin_is_invited_with_the_settings_of_orders(state: State, asked: Asked) -> None:
    assert control.ask(state, ["invite-admin", "you@hub.example", "--name", "You"]) == EXIT_CODE
    ((command, environment),) = asked
    assert command[0].endswith("services/orders/.venv/bin/orders")
    assert environment["DATABASE_URL"].startswith("postgresql://orders@")


def test_events_are_looked_at_by_the_operator_and_told_again_by_each_service(state: State, asked: Asked) -> None:
    assert control.ask(state, ["events", "dlq", "list"]) == EXIT_CODE
    assert control.ask(state, ["events", "replay", "--since", "2h"]) == EXIT_CODE
    assert control.ask(state, ["events", "dlq", "replay", "17"]) == EXIT_CODE
    assert all(command[0].endswith("/.venv/bin/mercadito-events") for command, _ in asked)
    assert {environment["NATS_USER"] for _, environment in asked} == {"operator"}
    assert [environment["DATABASE_URL"].rpartition("/")[2] for _, environment in asked] == [
        "notify", *("orders", "usda", "notify"), *("orders", "usda", "notify")
    ]  # fmt: skip

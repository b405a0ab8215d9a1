"""What happens on a machine where something is missing."""

import contextlib
import subprocess
from pathlib import Path

import pytest

from native import installation, nats
from native.installation import InstallationFailed, Need


@pytest.fixture
def something_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [Need("PostgreSQL", ("postgresql",), present=False), Need("nats-server", ("nats-server",), present=True)]
    monkeypatch.setattr(installation, "_needs", lambda *, tests: missing)


def test_without_root_or_sudo_the_message_names_the_packages_and_make_up(
    something_missing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_privileged", lambda: None)
    with pytest.raises(InstallationFailed, match=r"(?s)PostgreSQL.*postgresql.*make up"):
        installation.ensure()


def test_only_what_is_missing_is_installed(something_missing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(installation, "_privileged", list)
    monkeypatch.setattr(installation, "_apt", lambda _sudo, *arguments: asked.append(arguments))
    installation.ensure()
    assert asked[0] == ("update",)
    assert asked[1][-1] == "postgresql"


def test_an_old_node_is_refused_with_the_version_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 0, stdout="v18.1.0\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(InstallationFailed, match=r"Node\.js 20 .*v18\.1\.0"):
        installation._check_node()


def test_servers_are_found_where_an_ordinary_users_path_does_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert nats.program() == installation.find_program("nats-server")
    assert Path(nats.program()).is_absolute()


def test_a_server_that_is_not_there_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats, "find_program", lambda _name: None)
    with pytest.raises(InstallationFailed, match="apt-get install nats-server"):
        nats.program()


def test_this_machine_has_what_the_run_needs() -> None:
    assert [need.what for need in installation._needs(tests=True) if not need.present] == []


def test_a_peer_that_apt_cannot_deliver_is_named_and_the_others_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def apt(_sudo: list[str], *arguments: str) -> None:
        asked.append(arguments[-1])
        if arguments[-1] == "caddy":
            raise InstallationFailed("apt-get install caddy failed:\nE: no such package")

    peers = [Need("haproxy", ("haproxy",), False), Need("caddy", ("caddy",), False), Need("wrk", ("wrk",), True)]
    monkeypatch.setattr(installation, "_peers", lambda: peers)
    monkeypatch.setattr(installation, "_privileged", list)
    monkeypatch.setattr(installation, "_services_stay_stopped", lambda _sudo: contextlib.nullcontext())
    monkeypatch.setattr(installation, "_apt", apt)
    assert installation.add_peers() == {"caddy": "apt-get could not install it: E: no such package"}
    assert asked == ["update", "haproxy", "caddy"]
    monkeypatch.setattr(installation, "_privileged", lambda: None)
    assert set(installation.add_peers()) == {"haproxy", "caddy"}

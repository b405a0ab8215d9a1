"""What npm's lock file pins is installed once, and again only when it has changed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from native import environments


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def commands(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[object]]:
    ran: list[Sequence[object]] = []

    def run(command: Sequence[object]) -> None:
        ran.append(command)
        (project / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "_run", run)
    return ran


def test_packages_are_installed_by_hash_and_only_when_the_lock_has_changed(
    project: Path, commands: list[Sequence[object]]
) -> None:
    for _ in range(2):
        environments._node_packages(project)
    assert [command[:2] for command in commands] == [["npm", "ci"]]
    (project / "package-lock.json").write_text('{"changed": true}')
    environments._node_packages(project)
    assert len(commands) == 2


def test_a_project_without_packages_asks_for_nothing(project: Path, commands: list[Sequence[object]]) -> None:
    (project / "package-lock.json").unlink()
    environments._node_packages(project)
    assert commands == []


def test_a_missing_npm_is_told_in_words() -> None:
    with pytest.raises(environments.EnvironmentFailed, match="no-such-program does not start"):
        environments._run(["no-such-program"])

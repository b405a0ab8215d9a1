"""Where the cluster lies when its server's user can't enter the run folder."""

import os
import shutil
from pathlib import Path

import pytest

from native import postgres
from native.state import State


@pytest.fixture
def closed_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> State:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "ELSEWHERE", tmp_path / "elsewhere")
    monkeypatch.setattr(postgres, "_as_server_user", lambda _command: ["false"])
    state = State(tmp_path / "run", 18_000)
    state.folder.mkdir()
    return state


def test_the_cluster_is_linked_and_kept_for_the_next_start(closed_folder: State) -> None:
    data = postgres.cluster(closed_folder)
    data.mkdir()
    (data / "PG_VERSION").write_text("15")
    assert postgres.cluster(closed_folder) == data
    assert (closed_folder.folder / "postgres" / "PG_VERSION").exists()


def test_a_deleted_run_folder_begins_afresh_with_a_cluster_of_its_own(closed_folder: State) -> None:
    data = postgres.cluster(closed_folder)
    data.mkdir()
    (data / "PG_VERSION").write_text("15")
    shutil.rmtree(closed_folder.folder)
    closed_folder.folder.mkdir()
    assert not (postgres.cluster(closed_folder) / "PG_VERSION").exists()

"""What outlives its supervisor is found and ended, and nothing else is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from native import control, orphans
from native.state import State
from native.supervision import NotRunning
from tests.driver.polling import eventually

# A session like the supervisor's: its leader starts a process in each folder, names them, and waits to be killed.
SUPERVISOR = """
import subprocess, sys, time
for folder in sys.argv[2:]:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], cwd=folder, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    print(child.pid, flush=True)
time.sleep(600)
"""
PLAIN = "import time; print('started', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PLAIN


def lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def state(tmp_path: Path) -> State:
    folder = tmp_path / "run"
    (folder / "postgres").mkdir(parents=True)
    (folder / "gateway").mkdir()
    (tmp_path / "elsewhere").mkdir()
    return State(folder.resolve(), 18_000)


@pytest.fixture
def sessions() -> Iterator[list[int]]:
    started: list[int] = []
    yield started
    for pid in started:
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def left_by_a_killed_supervisor(state: State, sessions: list[int], program: str, *folders: Path) -> list[int]:
    command = [sys.executable, "-c", SUPERVISOR, program, *map(str, folders)]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout is not None
        children = [int(leader.stdout.readline()) for _ in folders]
        sessions += children
        (state.folder / "supervisord.pid").write_text(f"{leader.pid}\n")
        leader.kill()
    return children


def test_they_are_found_by_session_and_folder(state: State, sessions: list[int]) -> None:
    elsewhere = state.folder.parent / "elsewhere"
    folders = (state.folder, elsewhere, state.folder / "postgres", state.folder / "gateway")
    ours, foreign, database, gateway = left_by_a_killed_supervisor(state, sessions, PLAIN, *folders)
    assert orphans.find(state) == sorted([ours, database, gateway])
    assert control.is_running(state)
    assert orphans.end(state) == 3
    eventually(lambda: not any(map(lives, (ours, database, gateway))), within_s=5, what="all three ended")
    assert lives(foreign)
    assert not control.is_running(state)


def test_what_does_not_end_when_asked_is_forced(
    monkeypatch: pytest.MonkeyPatch, state: State, sessions: list[int]
) -> None:
    monkeypatch.setattr(orphans, "TERM_WITHIN_S", 0.2)
    (stubborn,) = left_by_a_killed_supervisor(state, sessions, STUBBORN, state.folder)
    assert orphans.end(state) == 1
    eventually(lambda: not lives(stubborn), within_s=5, what="it ended")


def test_make_stop_ends_them_and_tells_when_there_are_none(state: State, sessions: list[int]) -> None:
    (left,) = left_by_a_killed_supervisor(state, sessions, PLAIN, state.folder)
    control.stop(state)
    eventually(lambda: not lives(left), within_s=5, what="it ended")
    with pytest.raises(NotRunning, match="make run"):
        control.stop(state)


def test_while_the_supervisor_lives_they_are_not_orphans(state: State, sessions: list[int]) -> None:
    command = [sys.executable, "-c", SUPERVISOR, PLAIN, str(state.folder)]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout is not None
        sessions.append(int(leader.stdout.readline()))
        (state.folder / "supervisord.pid").write_text(f"{leader.pid}\n")
        assert orphans.end(state) == 0
        leader.kill()
    assert orphans.find(state) == sessions


@pytest.mark.parametrize("text", [None, "", "no number"])
def test_without_a_pid_there_are_none(state: State, text: str | None) -> None:
    if text is not None:
        (state.folder / "supervisord.pid").write_text(text)
    assert orphans.find(state) == []
    assert orphans.end(state) == 0

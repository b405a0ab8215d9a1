"""Starting an engine where an earlier one was killed; no engine is touched."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.system import ROOT

PREPARE = ROOT / "compose" / "engine" / "prepare"


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "docker" / "containerd").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[int]:
    """A process whose program is called like the engine's."""
    program = shutil.copy(str(shutil.which("sleep")), tmp_path / "dockerd")
    with subprocess.Popen([program, "60"]) as process:
        yield process.pid
        process.kill()


def forget_killed_engine(run_folder: Path) -> None:
    subprocess.run(
        ["bash", "-c", f"source {PREPARE} && forget_killed_engine"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(run_folder), "MERCADITO_ENGINE_RUN": str(run_folder)},
        check=True,
    )


def pid_files(run_folder: Path) -> tuple[Path, Path]:
    return run_folder / "docker.pid", run_folder / "docker" / "containerd" / "containerd.pid"


def test_the_pid_files_of_a_living_engine_stay(run_folder: Path, engine: int) -> None:
    for file in pid_files(run_folder):
        file.write_text(str(engine))
    forget_killed_engine(run_folder)
    assert [file.exists() for file in pid_files(run_folder)] == [True, True]


def test_an_engine_that_was_upgraded_under_way_is_alive_too(run_folder: Path, engine: int) -> None:
    pid_files(run_folder)[0].write_text(str(engine))
    (run_folder / "dockerd").unlink()
    forget_killed_engine(run_folder)
    assert pid_files(run_folder)[0].exists()


def test_pid_files_whose_number_is_somebody_elses_or_nobodys_go(run_folder: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with subprocess.Popen(["sleep", "60"]) as somebody:
        for file, pid in zip(pid_files(run_folder), (somebody.pid, ended.pid), strict=True):
            file.write_text(str(pid))
        forget_killed_engine(run_folder)
        somebody.kill()
    assert [file.exists() for file in pid_files(run_folder)] == [False, False]


def test_the_pid_file_of_a_killed_engine_that_nobody_has_reaped_goes(run_folder: Path, engine: int) -> None:
    os.kill(engine, signal.SIGKILL)
    os.waitid(os.P_PID, engine, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    pid_files(run_folder)[0].write_text(str(engine))
    forget_killed_engine(run_folder)
    assert not pid_files(run_folder)[0].exists()


def test_without_pid_files_there_is_nothing_to_forget(run_folder: Path) -> None:
    forget_killed_engine(run_folder)


def test_of_two_runs_the_second_waits_and_says_so(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MERCADITO_ENGINE_DIR": str(tmp_path / "engine")}

    def run(script: str) -> subprocess.Popen[str]:
        command = ["bash", "-c", f"source {PREPARE} && {script}"]
        return subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    with run("take_turns && echo mine && read -r") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "mine\n"
        with run("take_turns && echo mine") as second:
            assert second.stdout is not None
            assert "another run of this script is under way" in second.stdout.readline()
            first.communicate("\n")
            assert second.stdout.readline() == "mine\n"


def test_who_may_not_write_there_takes_no_turn(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        ["bash", "-c", f"source {PREPARE} && take_turns && echo goes on"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MERCADITO_ENGINE_DIR": str(tmp_path / "file" / "engine")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("goes on\n", "")

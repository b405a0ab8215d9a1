"""Child processes: real ones, ended in order, killed if they must be."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from mercadito_events.testing import wait_until
from usda_ingest.crawling import children
from usda_ingest.crawling.children import run_child

# Stands in for the package's command: sleeps, and takes SIGTERM as its argument says.
_DEAF = "import signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
_SLEEP = "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(60)\n"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable that stands where Python does: `-m usda_ingest` and a script's path and argument follow."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -c "$(cat "$3")" "$4"\n')
    path.chmod(0o755)
    monkeypatch.setattr(children.sys, "executable", str(path))
    return path


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script.py"
    path.write_text(text)
    return str(path)


async def test_the_exit_code_is_the_childs(program: Path, tmp_path: Path) -> None:
    child = script(tmp_path, "import sys\nprint('said')\nsys.exit(75)\n")
    with (tmp_path / "said").open("w+b") as said:
        assert await run_child([child, "-"], stop=asyncio.Event(), deadline_s=30, output=said) == 75
        said.seek(0)
        assert said.read() == b"said\n"


async def test_a_child_that_is_out_of_time_is_asked_to_end(program: Path, tmp_path: Path) -> None:
    child = script(tmp_path, _SLEEP)
    code = await run_child([child, str(tmp_path / "up")], stop=asyncio.Event(), deadline_s=2)
    assert code == -signal.SIGTERM


async def test_a_child_that_does_not_listen_is_killed(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STOP_S", 0.5)
    up, stop = tmp_path / "up", asyncio.Event()
    running = asyncio.create_task(run_child([script(tmp_path, _DEAF + _SLEEP), str(up)], stop=stop, deadline_s=60))
    await asyncio.to_thread(wait_until, up.exists, 20)
    began = time.monotonic()
    stop.set()
    assert await running == -signal.SIGKILL
    assert time.monotonic() - began < 20


async def test_who_is_cancelled_leaves_no_child_behind(program: Path, tmp_path: Path) -> None:
    up = tmp_path / "up"
    mark = script(tmp_path, _SLEEP.replace("touch()", "write_text(str(__import__('os').getpid()))"))
    running = asyncio.create_task(run_child([mark, str(up)], stop=asyncio.Event(), deadline_s=60))
    pid = await asyncio.to_thread(wait_until, lambda: up.exists() and up.read_text(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)

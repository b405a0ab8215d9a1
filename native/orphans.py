"""Processes that outlived their supervisor: after `kill -9` of it they run on, unwatched, on its ports."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from native.state import State

TERM_WITHIN_S = 20
KILL_WITHIN_S = 10
LOOK_EVERY_S = 0.05
ENDED = ("Z", "X")


class NotEnded(Exception):
    """A process can't be ended, not even by force; the message says which."""


def _session_leader(state: State) -> int | None:
    try:
        return int((state.folder / "supervisord.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def _state_and_session(process: Path) -> tuple[str, int]:
    # /proc/PID/stat: pid (name) state parent group session; the name may hold blanks and brackets
    state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
    return state, int(session)


def _lives(pid: int) -> bool:
    try:
        return _state_and_session(Path("/proc") / str(pid))[0] not in ENDED
    except OSError:
        return False


def _of_session(leader: int) -> Iterator[tuple[int, Path]]:
    """Yield pid and working folder of the session's processes; the leader's pid is not given anew while one lives."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if _state_and_session(process)[1] == leader:
                yield int(process.name), (process / "cwd").readlink()
        except OSError:  # ended meanwhile, or somebody else's
            continue


def find(state: State) -> list[int]:
    """Return the pids of this run folder's processes, parents first; none while their supervisor lives."""
    leader = _session_leader(state)
    if leader is None or _lives(leader):
        return []
    # After a reboot the number may belong to somebody else's session, but hardly one that works in our folders.
    ours = (state.folder, *((state.folder / name).resolve() for name in ("postgres", "gateway")))
    return sorted(pid for pid, folder in _of_session(leader) if folder in ours)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end(state: State) -> int:
    """Ask them to end, then force those that don't; return how many there were.

    Raises:
        NotEnded: one of them is there all the same.

    """
    left = find(state)
    count, began, forced = len(left), time.monotonic(), False
    _signal(left, signal.SIGTERM)
    while left := find(state):
        waited = time.monotonic() - began
        if waited > TERM_WITHIN_S and not forced:
            _signal(left, signal.SIGKILL)
            forced = True
        if waited > TERM_WITHIN_S + KILL_WITHIN_S:
            raise NotEnded(f"these processes do not end: {', '.join(map(str, left))}")
        time.sleep(LOOK_EVERY_S)
    return count

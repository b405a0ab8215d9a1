"""Several worker processes on the same ports: a small parent that starts, watches and ends them.

It imports everything once and freezes what the collector would otherwise touch, so that workers share its memory
copy on write. It has no event loop, no thread and no socket of its own: it sleeps until a signal comes.
"""

import contextlib
import ctypes
import gc
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

BACK_OFF_MIN_S, BACK_OFF_MAX_S = 0.1, 5.0
MAX_DEATHS = 5
DEATHS_WITHIN_S = 300.0
"""A worker that died so many times within so long is not started again: the whole ends, for the supervisor to see."""

LAST_GRACE_S = 5.0
"""How much longer than a drain may take workers have after SIGTERM; then they are killed."""

KILL_WAIT_S = 5.0
_PR_SET_PDEATHSIG = 1
_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
_log = structlog.get_logger(__name__)
Mask = set[int | signal.Signals]


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker's place: its number among ``of``, and the private folder where they find each other.

    ``deaths`` counts those who sat there before; ``folder`` is None for a process that is alone.
    """

    number: int = 0
    of: int = 1
    deaths: int = 0
    folder: Path | None = None


ALONE = Seat()


@dataclass(slots=True)
class _Place:
    """What the parent knows of one seat."""

    number: int
    pid: int | None = None
    start_at: float = 0.0
    deaths: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_DEATHS))

    def note_death(self, now: float) -> bool:
        """Plan the next start; False when it died too often."""
        self.pid, self.deaths = None, self.deaths + 1
        while self.recent and now - self.recent[0] > DEATHS_WITHIN_S:
            self.recent.popleft()
        self.start_at = now + min(BACK_OFF_MAX_S, BACK_OFF_MIN_S * 2 ** len(self.recent))
        self.recent.append(now)
        return len(self.recent) < MAX_DEATHS


class Crew:
    """The workers, as their parent sees them; ``work`` is what each does, and returns its exit code."""

    def __init__(self, count: int, work: Callable[[Seat], int], drain_s: float) -> None:
        self._places = [_Place(number) for number in range(count)]
        self._work, self._drain_s = work, drain_s
        self._kill_at: float | None = None
        self._code = 0

    def run(self) -> int:
        """Keep the workers running until SIGTERM or SIGINT; return the exit code once all are gone."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.collect()
        gc.freeze()
        try:
            with tempfile.TemporaryDirectory(prefix="realtime-", ignore_cleanup_errors=True) as folder:
                while self._kill_at is None or self._living():
                    self._start_due(Path(folder), mask)
                    self._heed(signal.sigtimedwait(_SIGNALS, self._wait_s()))
                return self._code
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _living(self) -> list[_Place]:
        return [place for place in self._places if place.pid is not None]

    def _start_due(self, folder: Path, mask: Mask) -> None:
        if self._kill_at is not None:
            return
        now = time.monotonic()
        for place in self._places:
            if place.pid is None and place.start_at <= now:
                self._start(place, folder, mask)

    def _start(self, place: _Place, folder: Path, mask: Mask) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        place.pid = os.fork()
        if place.pid == 0:
            seat = Seat(place.number, len(self._places), place.deaths, folder)
            _sit(seat, self._work, parent, mask)
        _log.info("worker_started", worker=place.number, pid=place.pid, deaths=place.deaths)

    def _wait_s(self) -> float:
        """Return how long nothing is to be done unless a signal comes."""
        now = time.monotonic()
        if self._kill_at is not None:
            return max(0.0, self._kill_at - now)
        starts = [place.start_at - now for place in self._places if place.pid is None]
        return max(0.0, min(starts, default=BACK_OFF_MAX_S))

    def _heed(self, heard: signal.struct_siginfo | None) -> None:
        if heard is not None and heard.si_signo in (signal.SIGTERM, signal.SIGINT):
            self._stop()
        self._bury()
        if self._kill_at is not None and time.monotonic() >= self._kill_at and self._living():
            self._send(signal.SIGKILL)
            self._kill_at = time.monotonic() + KILL_WAIT_S

    def _stop(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._drain_s + LAST_GRACE_S
            self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        for place in self._living():
            if place.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(place.pid, number)

    def _bury(self) -> None:
        for place in self._living():
            pid, status = os.waitpid(place.pid or 0, os.WNOHANG)
            if pid:
                self._note_end(place, os.waitstatus_to_exitcode(status))

    def _note_end(self, place: _Place, code: int) -> None:
        if self._kill_at is not None:
            place.pid = None
            self._code = self._code or int(code not in (0, -signal.SIGTERM))  # the latter: it had hardly begun
            return
        goes_on = place.note_death(time.monotonic())
        _log.error(
            "worker_died", worker=place.number, code=code, again_in_s=round(place.start_at - time.monotonic(), 1)
        )
        if not goes_on:
            _log.critical("worker_keeps_dying", worker=place.number, deaths=MAX_DEATHS, within_s=DEATHS_WITHIN_S)
            self._code = 1
            self._stop()


def _sit(seat: Seat, work: Callable[[Seat], int], parent: int, mask: Mask) -> None:
    """Be a worker; never returns, so that nothing of the parent's is undone here."""
    code = 1
    try:
        _die_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        structlog.contextvars.bind_contextvars(worker=seat.number)
        code = work(seat)
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        _log.exception("worker_failed")
    finally:
        sys.stdout.flush()
        os._exit(code)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, however that went."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it went before we asked
        os._exit(1)

"""What the application says to PostgreSQL, taken from the server's own log, and the same said again by pgbench."""

import contextlib
import os
import re
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from native import postgres
from tests.bench.world import BenchFailed, World

REPLAY_WITHIN_S = 60
POLL_S = 0.05
GATE = 7
SETTLE_S = 0.1
PING = "SELECT 1"
_FRAME = re.compile(r"(BEGIN|COMMIT|ROLLBACK)\b", re.IGNORECASE)
_STARTS = re.compile(r"^bench \[(\d+)\] (\w+) LOG:  statement: ", re.MULTILINE)
_ENTER = f"SELECT pg_advisory_lock_shared({GATE})"
_LOCKS = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE}"
_PREFIX = "bench [%p] %u "


@dataclass(frozen=True)
class Spoken:
    """The statements of each session, in order, the frames of transactions included."""

    sessions: Sequence[Sequence[str]]

    @property
    def queries(self) -> list[str]:
        """All that ask or change something; not the frames of transactions, nor the pool's pings."""
        every = [statement for session in self.sessions for statement in session]
        return [each for each in every if each != PING and not _FRAME.match(each)]

    @property
    def pings(self) -> int:
        """How often the pool asked whether a connection is alive."""
        return sum(session.count(PING) for session in self.sessions)


def listen(world: World, act: Callable[[], object]) -> Spoken:
    """Return what the service says to the database while `act` runs."""
    _log_statements(world, "all")
    start = world.server_log.stat().st_size
    try:
        act()
    finally:
        time.sleep(SETTLE_S)
        heard = world.server_log.read_bytes()[start:].decode()
        _log_statements(world, "none")
    return Spoken(_sessions(heard))


def _log_statements(world: World, what: str) -> None:
    world.psql(f"ALTER SYSTEM SET log_statement = '{what}'")
    world.psql(f"ALTER SYSTEM SET log_line_prefix = '{_PREFIX}'")
    world.psql("SELECT pg_reload_conf()")
    # Sessions take a new setting over before their next statement; the server tells them within moments.
    time.sleep(SETTLE_S)


def _sessions(heard: str) -> list[list[str]]:
    by_pid: dict[str, list[str]] = defaultdict(list)
    entries = re.split(r"^(?=bench \[)", heard, flags=re.MULTILINE)
    for entry in entries:
        found = _STARTS.match(entry)
        if found and found[2] == "orders":
            by_pid[found[1]].append(entry[found.end() :].rstrip("\n").replace("\n\t", "\n"))
    return list(by_pid.values())


def replay(world: World, spoken: Spoken, restore: Callable[[], None], rounds: int) -> float:
    """Let pgbench say the same in as many sessions; return the seconds of the median round.

    Each session is one script of one run: what was recorded is said once, in its order, with its values.
    """
    folder = world.state.folder / "replay"
    folder.mkdir(exist_ok=True)
    scripts = []
    for number, session in enumerate(spoken.sessions):
        scripts.append(folder / f"{number}.sql")
        scripts[-1].write_text("".join(f"{statement};\n" for statement in (_ENTER, *session)))
    return statistics.median(_round(world, scripts, restore) for _ in range(rounds))


def _round(world: World, scripts: Sequence[Path], restore: Callable[[], None]) -> float:
    """Let all sessions read their scripts and wait at a gate, which takes seconds; open it and measure from then."""
    restore()
    command = [postgres.program() / "pgbench", "-n", "-c", "1", "-t", "1", "-M", "simple"]
    # At the gate they wait for longer than the role of the service waits for anything.
    environment = {
        "PATH": os.environ["PATH"],
        "PGPASSWORD": world.state.secret("orders_db_password"),
        "PGOPTIONS": "-c lock_timeout=0 -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
    }
    running: list[subprocess.Popen[str]] = []
    try:
        with _gate(world) as wait_for:
            for script in scripts:
                arguments = [*command, *world.connection("orders")[:-2], "-f", script, "orders"]
                output = script.with_suffix(".out").open("w")
                running.append(
                    subprocess.Popen(
                        [*map(str, arguments)], env=environment, stdout=output, stderr=subprocess.STDOUT, text=True
                    )
                )
                output.close()
            wait_for(running)
            began = time.perf_counter()
        for process in running:
            process.wait(REPLAY_WITHIN_S)
        took_s = time.perf_counter() - began
    finally:
        for process in running:
            process.kill()
            process.wait()
    _check(scripts)
    return took_s


def _check(scripts: Sequence[Path]) -> None:
    for script in scripts:
        said = script.with_suffix(".out").read_text()
        if "number of transactions actually processed: 1/1" not in said:
            raise BenchFailed(f"pgbench did not say it all again: {said[-2000:]}")


@contextlib.contextmanager
def _gate(world: World) -> Iterator[Callable[[Sequence[subprocess.Popen[str]]], None]]:
    """Hold a lock that all sessions begin with; what is lent waits until they have come. Leaving opens it."""
    command = [str(postgres.program() / "psql"), *world.connection("postgres"), "-Xqt"]
    holder = subprocess.Popen(
        command,
        env={**os.environ, "PGPASSWORD": world.state.secret("postgres_db_password")},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )

    def all_have_come(sessions: Sequence[subprocess.Popen[str]]) -> None:
        deadline = time.monotonic() + REPLAY_WITHIN_S
        while int(world.psql(f"{_LOCKS} AND NOT granted")[0][0]) < len(sessions):
            if time.monotonic() > deadline or any(session.poll() is not None for session in sessions):
                raise BenchFailed("pgbench's sessions did not all come to the gate")
            time.sleep(POLL_S)

    try:
        if holder.stdin is None:
            raise BenchFailed("psql has no input")
        holder.stdin.write(f"SELECT pg_advisory_lock({GATE});\n")
        holder.stdin.flush()
        while world.psql(f"{_LOCKS} AND granted") != [["1"]]:
            time.sleep(POLL_S)
        yield all_have_come
    finally:
        holder.kill()
        holder.communicate()

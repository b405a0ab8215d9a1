"""A whole system, started and steered with the same commands that an operator types."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.driver.api import Client
from tests.driver.mailbox import Mailbox
from tests.driver.polling import eventually
from tests.driver.ports import free_port_pair

ROOT = Path(__file__).resolve().parents[2]
USDA_FILES = ROOT.parent / "shared" / "data" / "usda"
# The recorded reports end on this day; a market that is dated today would rightly call them stale.
MARKET_DAY = "2026-01-08"
# On a Monday there would be a mail more than the tests expect, and at night some would wait for the morning.
AT_ANY_HOUR = {"DIGEST_AT": "off", "QUIET_HOURS": "off"}
COMMAND_WITHIN_S = 120
PROCESSES = ("gateway", "orders-web", "orders-worker", "realtime", "usda", "notify", "nats", "postgres")


@dataclass(frozen=True)
class System:
    """A running system: its address, its run folder, and the environment in which `make` finds it."""

    port: int
    run_dir: Path
    environment: dict[str, str]
    served: Path | None = None
    """The folder whose files the loopback USDA serves: a copy, for tests to add to. None: generated samples."""
    clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://localhost:{self.port}"

    def make(self, *arguments: str) -> str:
        """Run `make` as an operator would; return what it prints."""
        done = self._make(*arguments)
        assert done.returncode == 0, f"make {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def self_test(self) -> list[str]:
        """Return what notify says of the way of a mail; its domain is nobody's, so there is always a problem."""
        done = self._make("self-test")
        assert done.returncode != 0, done.stdout
        return done.stdout.splitlines()

    def _make(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["make", "-s", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
        )

    def ready(self) -> bool:
        """Say whether it has all started and the first quotes are in the offers."""
        return (self.run_dir / "ready").exists()

    def pids(self) -> dict[str, int]:
        """Return the pid of each process that runs."""
        return {
            name: int(pid) for name, pid in re.findall(r"^(\S+)\s+\S+\s+(\d+)\s*$", self.make("status"), re.MULTILINE)
        }

    def kill(self, name: str) -> int:
        """`kill -9` one process; return the pid it had."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def came_back(self, name: str, *, instead_of: int, within_s: float = 30) -> int:
        """Wait until the process runs again under another pid."""

        def another() -> int | None:
            pid = self.pids().get(name)
            return pid if pid != instead_of else None

        return int(eventually(another, within_s=within_s, what=f"{name} started again") or 0)

    def client(self, email: str) -> Client:
        """Sign in by token."""
        self.clients.append(Client(self.url, f"{email}@mercadito.example"))
        return self.clients[-1]

    def close_clients(self) -> None:
        """Close everybody's connections."""
        for client in self.clients:
            client.http.close()

    def mailbox(self, *, all_of_it: bool = False) -> Mailbox:
        """Return the sink's mails from now on, or from the beginning."""
        return Mailbox(self.run_dir / "mail", all_of_it=all_of_it)


def native_system(folder: Path, usda_files: Path | None) -> tuple[System, subprocess.Popen[bytes]]:
    """Start `make run` on ports and a folder of its own and wait for `ready`."""
    port, run_dir = free_port_pair(), folder / "run"
    environment = {**os.environ, "MERCADITO_RUN_DIR": str(run_dir), "MERCADITO_PORT": str(port)}
    environment |= AT_ANY_HOUR
    served = None
    if usda_files is not None:
        served = _copy(usda_files, folder / "usda-files")
        environment |= {"USDA_FILES_DIR": str(served), "USDA_TODAY": MARKET_DAY}
    started = System(port, run_dir, environment, served)
    log = folder / "make-run.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "native", "run"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)

    def ready() -> bool:
        assert process.poll() is None, f"make run ended: {log.read_text()[-4000:]}"
        return started.ready()

    try:
        eventually(ready, within_s=240, what=f"ready; see {log}")
    except AssertionError as late:
        stop(process)
        raise AssertionError(f"{late}\n{log.read_text()[-4000:]}") from None
    return started, process


def _copy(files: Path, to: Path) -> Path:
    """Copy the files without their rights: the originals may be read-only."""
    to.mkdir()
    for file in files.iterdir():
        shutil.copyfile(file, to / file.name)
    return to


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ctrl-C; return the exit code once everything it started has ended."""
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=COMMAND_WITHIN_S)


def forget_cluster(system: System) -> None:
    """Delete the database's files where they had to lie outside the run folder, which is deleted by itself."""
    cluster = system.run_dir / "postgres"
    if cluster.is_symlink():
        shutil.rmtree(cluster.resolve().parent)

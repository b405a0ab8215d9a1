"""What is measured: PostgreSQL as `make run` sets it up, the seeded world in it, and `orders web` in front."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from native import postgres, settings
from native.programs import Program, console_script, program
from native.state import ROOT, State
from tests.bench.processes import children, processor_s
from tests.driver.ports import free_port_pair

STOP_WITHIN_S = 60
READY_WITHIN_S = 60
COMMAND_WITHIN_S = 240


class BenchFailed(Exception):
    """Something that is no measurement went wrong; the message says what."""


@dataclass(frozen=True)
class Scale:
    """How large the seeded world is."""

    products: int
    stores: int
    orders: int
    offers: int

    @property
    def options(self) -> list[str]:
        """What `orders seed` is told."""
        return [part for name, value in vars(self).items() for part in (f"--{name}", str(value))]


@dataclass
class World:
    """One PostgreSQL and one `orders web`, with a folder and ports of their own."""

    state: State
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of `orders web`, without a gateway in between."""
        return f"http://127.0.0.1:{self.state.ports['orders-web']}"

    @property
    def server_log(self) -> Path:
        """What PostgreSQL writes."""
        return self.state.logs_dir / "postgres.log"

    def start_postgres(self) -> None:
        """Make and start the cluster, with a database for each service."""
        self.state.prepare()
        postgres.prepare(self.state)
        self.launch(program(self.state, "postgres"))
        postgres.wait_until_ready(self.state)
        postgres.make_databases(self.state)

    def start_database(self) -> None:
        """Make and start the cluster, with this version's schema of orders and a signing key."""
        self.start_postgres()
        self.orders_database()

    def orders_database(self) -> None:
        """Give orders this version's schema and a signing key."""
        self.orders("migrate", environment=settings.migration(self.state, "orders"))
        self.orders("keys", "rotate")

    def seed(self, scale: Scale) -> float:
        """Fill the database, showing how far it is; return the seconds it took."""
        began = time.monotonic()
        self.orders("seed", *scale.options, show=True)
        took_s = time.monotonic() - began
        # What autovacuum does within minutes in a database that has lived through those orders.
        self.psql("VACUUM (ANALYZE)")
        self.psql("CHECKPOINT")
        return took_s

    def start_web(self) -> None:
        """Start `orders web` as `make run` does and wait until it serves."""
        wanted = program(self.state, "orders-web")
        self.launch(wanted)
        wait_until_answers(wanted.ready_at, self.processes["orders-web"], self.state.logs_dir / "orders-web.log")

    def launch(self, wanted: Program) -> None:
        """Start a process that ends with this one, whatever ends this one."""
        user = ["--reuid", wanted.user, "--regid", wanted.user, "--init-groups"] if wanted.user else []
        as_user = user if os.geteuid() == 0 else []
        command = ["setpriv", "--pdeathsig", wanted.stop_signal, *as_user, *wanted.command.split()]
        with (self.state.logs_dir / f"{wanted.name}.log").open("ab") as log:
            self.processes[wanted.name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=settings.full_environment(wanted.environment),
                cwd="/",
                start_new_session=True,
            )

    def orders(self, *arguments: str, environment: settings.Environment | None = None, show: bool = False) -> None:
        """Run a command of `orders` to its end."""
        done = subprocess.run(
            [console_script("services/orders", "orders"), *arguments],
            env=settings.full_environment(environment or settings.orders(self.state)),
            check=False,
            text=True,
            stdout=None if show else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_WITHIN_S,
        )
        if done.returncode:
            raise BenchFailed(f"orders {' '.join(arguments)} failed:\n{(done.stdout or '')[-3000:]}")

    def psql(self, statement: str, database: str = "orders") -> list[list[str]]:
        """Run a statement as the superuser; return rows of texts."""
        command = [postgres.program() / "psql", *self.connection("postgres", database), "-XqAt", "-F", "\x1f", "-v"]
        done = subprocess.run(
            [*map(str, command), "ON_ERROR_STOP=1", "-c", statement],
            env={**os.environ, "PGPASSWORD": self.state.secret("postgres_db_password")},
            check=False,
            text=True,
            capture_output=True,
            timeout=COMMAND_WITHIN_S,
        )
        if done.returncode:
            raise BenchFailed(f"psql: {done.stderr.strip()}\n{statement[:500]}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def connection(self, role: str, database: str = "orders") -> list[str]:
        """Return the options with which PostgreSQL's programs find the database."""
        return ["-h", "127.0.0.1", "-p", str(self.state.ports["postgres"]), "-U", role, "-d", database]

    def web_pids(self) -> tuple[int, Sequence[int]]:
        """Return the pid of gunicorn's master and those of its workers."""
        master = self.processes["orders-web"].pid
        return master, children(master)

    def processor_s(self) -> tuple[float, float]:
        """Return the processor time that gunicorn's workers and PostgreSQL's processes have used so far."""
        return processor_s(self.web_pids()[1]), processor_s(children(self.processes["postgres"].pid))

    def stop(self) -> None:
        """Stop everything, the database last."""
        for name, process in reversed(self.processes.items()):
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_S)
            if process.poll() is None:
                process.kill()
                process.wait()


def wait_until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the address answers 200, for as long as the process lives."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchFailed(f"{url} does not answer:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


@contextlib.contextmanager
def world(start: Callable[[World], None] = World.start_database) -> Iterator[World]:
    """Lend a world, by default with an empty database of orders; everything of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mercadito-bench-"))
    # PostgreSQL's user passes through on the way to its files.
    folder.chmod(0o711)
    made = World(State(folder, free_port_pair()))
    try:
        start(made)
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["ROOT", "BenchFailed", "Scale", "World", "wait_until_answers", "world"]

"""Where notify is measured: PostgreSQL and NATS as `make run` sets them up, one `notify serve`, and a sink."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from native import environments, nats, settings
from native.programs import Program, console_script, program
from tests.bench.processes import children, processor_s, pss_mb
from tests.bench.world import ROOT, BenchFailed, World, wait_until_answers, world

SERVICE = ROOT / "services" / "notify"
PEER = Path(__file__).with_name("peer.py")
SAMPLE = SERVICE / "src" / "notify" / "kinds" / "order_confirmation" / "sample.json"
_COMMAND_WITHIN_S = 60
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Taken:
    """A mail that the sink took: when, and for whom."""

    at: float
    recipient: str


@dataclass
class Hall:
    """The place; what is measured is started from it and ends with it."""

    world: World

    @contextlib.contextmanager
    def sink(self, pause_s: float = 0.0) -> Iterator["Sink"]:
        """Lend an SMTP server that answers a message after a pause."""
        file = self.world.state.folder / f"taken-{time.monotonic_ns()}"
        file.touch()
        port = self.world.state.ports["smtp"]
        command = f"{sys.executable} {Path(__file__).with_name('sink.py')} {port} {pause_s} {file}"
        with self._running(Program("sink", command)):
            _wait_until_it_listens(port)
            yield Sink(file)

    @contextlib.contextmanager
    def notify(self, **more: str) -> Iterator["Notify"]:
        """Lend one `notify serve` that is ready, with further settings."""
        usual = program(self.world.state, "notify")
        wanted = replace(usual, environment={**usual.environment, **more})
        with self._running(wanted) as process:
            wait_until_answers(wanted.ready_at, process, self.world.state.logs_dir / "notify.log")
            yield Notify(process.pid)

    @contextlib.contextmanager
    def _running(self, wanted: Program) -> Iterator[subprocess.Popen[bytes]]:
        self.world.launch(wanted)
        process = self.world.processes.pop(wanted.name)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(_COMMAND_WITHIN_S)

    def peer_per_s(self, mails: int, size: int) -> float:
        """Return how many mails a second a bare loop hands over to a sink: see ``peer.py``."""
        state = self.world.state
        dsn = f"host=127.0.0.1 port={state.ports['postgres']} user=postgres dbname=notify"
        python, port = console_script("services/notify", "python"), str(state.ports["smtp"])
        password = {"PGPASSWORD": state.secret("postgres_db_password")}
        with self.sink():
            return float(_run([python, str(PEER), port, dsn, str(mails), str(size)], {**os.environ, **password}))

    def psql(self, statement: str) -> list[list[str]]:
        """Run a statement as the superuser; return rows of texts."""
        return self.world.psql(statement, "notify")

    def queue_confirmations(self, number: int) -> None:
        """Put down orders as their events would, one for a person each."""
        self.psql(
            "INSERT INTO contacts (person_id, email, name, locale, role, store_ids, active, version)"
            " SELECT 'person-' || n, 'person-' || n || '@store-' || n % 50 || '.example', 'Rosa Peña ' || n,"
            " CASE n % 2 WHEN 0 THEN 'es' ELSE 'en' END, 'buyer', ARRAY['store-' || n], true, 1"
            f" FROM generate_series(1, {number}) AS n ON CONFLICT DO NOTHING"
        )
        order = json.loads(SAMPLE.read_text())
        self.psql(
            "INSERT INTO intents (key, kind, event_id, store_id, order_id, data, expires_at)"
            " SELECT 'order_confirmation:' || id, 'order_confirmation', gen_random_uuid(), 'store-' || n, id,"
            f" '{json.dumps(order)}'::jsonb || jsonb_build_object('order_id', id, 'store_id', 'store-' || n),"
            " now() + interval '1 day'"
            f" FROM (SELECT n, gen_random_uuid()::text AS id FROM generate_series(1, {number}) AS n) AS orders"
        )

    def queue_reset(self) -> None:
        """Put down that a person who already has mails waiting forgot the password."""
        self.psql(
            "INSERT INTO intents (key, kind, event_id, data, expires_at) SELECT 'password_reset:bench',"
            " 'password_reset', gen_random_uuid(), jsonb_build_object('person_id', 'resetting', 'link',"
            f" '{self.world.state.url}/reset/x', 'expires_at', now() + interval '1 hour'), now() + interval '1 hour';"
            " INSERT INTO contacts (person_id, email, name, locale, role, store_ids, active, version) VALUES"
            " ('resetting', 'resetting@store-1.example', 'Rosa', 'es', 'buyer', '{}', true, 1) ON CONFLICT DO NOTHING"
        )

    def empty(self) -> None:
        """Empty the tables, and do now what autovacuum and the checkpointer would do in the midst."""
        self.psql("TRUNCATE contacts, intents, messages, inbox, outbox, send_rates CASCADE")
        self.psql("VACUUM (ANALYZE)")
        self.psql("CHECKPOINT")

    def wait_until_told(self, number: int, within_s: float) -> None:
        """Wait until so many events were published."""
        deadline = time.monotonic() + within_s
        while int(self.psql("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL")[0][0]) < number:
            if time.monotonic() > deadline:
                raise BenchFailed(f"not {number} events told within {within_s} s")
            time.sleep(_LOOK_EVERY_S)

    def processor_s(self, notify: "Notify") -> tuple[float, float]:
        """Return the processor time that notify and its database have used so far."""
        postgres = self.world.processes["postgres"].pid
        return processor_s([notify.pid]), processor_s([postgres, *children(postgres)])

    def states(self) -> dict[str, int]:
        """Return how many messages there are in each state."""
        return {row[0]: int(row[1]) for row in self.psql("SELECT state, count(*) FROM messages GROUP BY state")}


@dataclass(frozen=True)
class Sink:
    """What the SMTP server notes."""

    file: Path

    def taken(self) -> list[Taken]:
        """Return the mails that it took so far."""
        lines = self.file.read_text().splitlines()
        return [Taken(float(at), recipient) for at, recipient in map(str.split, lines)]

    def wait_for(self, number: int, within_s: float) -> list[Taken]:
        """Wait until so many mails were taken."""
        deadline = time.monotonic() + within_s
        while len(found := self.taken()) < number:
            if time.monotonic() > deadline:
                raise BenchFailed(f"{len(found)} of {number} mails within {within_s} s")
            time.sleep(_LOOK_EVERY_S)
        return found


@dataclass(frozen=True)
class Notify:
    """The process that is measured."""

    pid: int

    @property
    def mb(self) -> float:
        """What it weighs now."""
        return pss_mb(self.pid)


@contextlib.contextmanager
def hall() -> Iterator[Hall]:
    """Lend the place, with this version's schema and no data."""
    with world(prepare) as made:
        yield Hall(made)


def prepare(made: World) -> None:
    """Start what notify needs."""
    made.start_postgres()
    start_nats(made)
    migration = settings.full_environment(settings.migration(made.state, "notify"))
    _run([console_script("services/notify", "notify"), "migrate"], migration)
    made.state.jwks_file.parent.mkdir(parents=True, exist_ok=True)
    if not made.state.jwks_file.exists():
        made.state.jwks_file.write_text('{"keys": []}')


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + _COMMAND_WITHIN_S
    while True:
        with socket.socket() as visitor:
            if visitor.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise BenchFailed("the sink does not listen")
        time.sleep(_LOOK_EVERY_S)


def start_nats(made: World) -> None:
    """Start nats-server with the streams."""
    environments.ensure(ROOT / "events")
    nats.prepare(made.state)
    made.launch(program(made.state, "nats"))
    provisioner = settings.full_environment(settings.nats_client(made.state, "provisioner"))
    _run([console_script("events", "mercadito-events"), "provision"], provisioner)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, env=dict(environment), check=False, capture_output=True, text=True, timeout=_COMMAND_WITHIN_S
    )
    if done.returncode:
        raise BenchFailed(f"{' '.join(command[:2])} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout

"""A PostgreSQL cluster for tests: own folder, own port, no durability."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it has no types of its own
from psycopg2 import sql

from mercadito_events.testing.guard import Guard
from mercadito_events.testing.ports import free_port
from mercadito_events.testing.urls import TEST_PASSWORD, DatabaseUrls

START_DEADLINE_S = 30.0
_LARGE = 8_000_000
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Commits still reach the operating system, so that kill() loses none of them, as a crash would not.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "deadlock_timeout": "200ms",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """The cluster; ``kill`` and ``start`` act on it as a crash and a restart do."""

    def __init__(self) -> None:
        # Not under pytest's folder: that one belongs to root alone when root runs the tests, and postgres refuses root.
        self._folder = Path(tempfile.mkdtemp(prefix="mercadito-postgres-"))
        self._data = self._folder / "data"
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._cleaners: dict[str, Any] = {}
        self.port = free_port()

    def start(self) -> None:
        """Start it, making the cluster first if there is none; return when it answers."""
        if not self._data.exists():
            if os.geteuid() == 0:
                shutil.chown(self._folder, self._user)
            self._run(
                "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"
            )
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [*self._command("postgres"), "-p", str(self.port), "-k", str(self._folder), *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - fixed programs, own arguments
                command, stdout=log, stderr=log, cwd=self._folder, user=self._run_as(), start_new_session=True
            )
        self._guard = Guard(self._process, signal_name="QUIT", folder=self._folder)
        self._wait()

    def stop(self) -> None:
        """Stop it as an operator does (fast shutdown): sessions are ended, what was committed is kept."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the postmaster and all its backends at once, as a crash does."""
        if self._process is None:
            return
        self._disarm()
        # Each backend leads a process group of its own, so the group of the postmaster is not enough.
        pid = self._process.pid
        backends = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        self._process.kill()
        self._process.wait()
        for backend in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)
        deadline = time.monotonic() + START_DEADLINE_S
        while any(Path(f"/proc/{backend}/root").exists() for backend in backends) and time.monotonic() < deadline:
            time.sleep(0.01)  # a new postmaster refuses to start while one of them holds the shared memory

    def destroy(self) -> None:
        """Stop it and remove its folder."""
        for cleaner in self._cleaners.values():
            cleaner.connection.close()
        self._signal(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self) -> DatabaseUrls:
        """Make a database with an owner and an app role, and the rights of ``compose/postgres/databases.sql``."""
        name = f"t{uuid.uuid4().hex[:12]}"
        names = {"app": sql.Identifier(name), "owner": sql.Identifier(f"{name}_owner")}
        with self.connect("postgres") as cursor_:
            for role in names.values():
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(TEST_PASSWORD))
                cursor_.execute(statement)
            cursor_.execute(sql.SQL("CREATE DATABASE {app} OWNER {owner}").format(**names))
            cursor_.execute(sql.SQL("REVOKE ALL ON DATABASE {app} FROM PUBLIC").format(**names))
            cursor_.execute(sql.SQL("GRANT CONNECT ON DATABASE {app} TO {app}").format(**names))
        with self.connect(name) as cursor_:
            for statement in _GRANTS:
                cursor_.execute(sql.SQL(statement).format(**names))
        where = f"{TEST_PASSWORD}@127.0.0.1:{self.port}/{name}"
        return DatabaseUrls(f"postgresql://{name}_owner:{where}", f"postgresql://{name}:{where}", name)

    def empty(self, database: str, *, but: Sequence[str] = ("alembic_version",)) -> None:
        """Leave no row in any table of a database but these, and every sequence at its start.

        TRUNCATE makes new files for all of them, which takes longer than most tests; it comes when they have grown.
        """
        cleaner = self._cleaner(database)
        cleaner.execute("SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        grown = cleaner.fetchone()[0] > _LARGE
        cleaner.execute(
            "SELECT string_agg(quote_ident(tablename), ','), array_agg(quote_ident(tablename))"
            " FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL (%s)",
            [list(but)],
        )
        listed, tables = cleaner.fetchone()
        # As TRUNCATE does: whoever is still at it is waited for, or would leave rows behind.
        steps = [f"LOCK TABLE {listed}", "SET LOCAL session_replication_role = replica"]
        steps += [f"TRUNCATE {listed}"] if grown else [f"DELETE FROM {table}" for table in tables]  # noqa: S608
        steps.append(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
            " FROM pg_sequences WHERE schemaname = 'public'"
        )
        cleaner.execute("; ".join(["BEGIN", *steps, "COMMIT"]))

    def _cleaner(self, database: str) -> Any:
        """Return a cursor of the superuser that stays open, or a new one where the last was ended."""
        if (cursor := self._cleaners.get(database)) is not None:
            try:
                cursor.execute("SELECT 1")
            except psycopg2.Error:
                cursor.connection.close()
            else:
                return cursor
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database)
        connection.autocommit = True
        self._cleaners[database] = connection.cursor()
        return self._cleaners[database]

    def drop_database(self, urls: DatabaseUrls) -> None:
        """Remove a database, its sessions and its roles."""
        with self.connect("postgres") as cursor_:
            for statement in ("DROP DATABASE {app} WITH (FORCE)", "DROP ROLE {app}", "DROP ROLE {owner}"):
                names = {"app": sql.Identifier(urls.name), "owner": sql.Identifier(f"{urls.name}_owner")}
                cursor_.execute(sql.SQL(statement).format(**names))

    @contextlib.contextmanager
    def connect(self, database: str) -> Iterator[Any]:
        """Give a cursor of the superuser; every statement is its own transaction."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database)
        try:
            connection.autocommit = True
            with connection.cursor() as opened:
                yield opened
        finally:
            connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - fixed programs, own arguments
            [*self._command(program), *arguments],
            capture_output=True,
            check=False,
            cwd=self._folder,
            user=self._run_as(),
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()}")

    def _command(self, program: str) -> list[str]:
        return [str(_programs() / program), "-D", str(self._data)]

    def _run_as(self) -> str | None:
        return self._user if os.geteuid() == 0 else None

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._disarm()
            self._process.send_signal(number)
            self._process.wait(timeout=START_DEADLINE_S)

    def _disarm(self) -> None:
        if self._guard is not None:
            self._guard.disarm()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                with self.connect("postgres"):
                    return
            except psycopg2.OperationalError as error:
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    log = (self._folder / "log").read_text()
                    raise RuntimeError(f"PostgreSQL does not start: {error}\n{log}") from error
                time.sleep(0.05)


_GRANTS = (
    "ALTER SCHEMA public OWNER TO {owner}",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {app}",
)


def _programs() -> Path:
    """Return the folder of PostgreSQL's server programs, which Debian keeps off PATH."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError("PostgreSQL's server programs are not installed (Debian: apt-get install postgresql)")
    return found[-1].parent

"""Copies of a service's database as the release before left it, and migrators at work on them."""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with a small name

from native import settings
from native.postgres import program
from native.state import ROOT
from tests.bench.world import World
from tests.driver.polling import eventually
from tests.migrations.services import SERVICES, Service

MIGRATED_WITHIN_S = 120
GONE_WITHIN_S = 30
# No request may wait longer; a session with this bound is told so by PostgreSQL itself.
LONGEST_WAIT_MS = 2_000


@dataclass
class Databases:
    """The server's databases; those named like a service are at the schema of the release before, and stay so."""

    server: World
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def migrate_all(self, root: Path) -> None:
        """Let the given tree's own commands make the schema."""
        started = [self._start(service, service.name, root) for service in SERVICES]
        for process in started:
            said, _ = process.communicate(timeout=MIGRATED_WITHIN_S)
            assert process.returncode == 0, said

    def copy(self, service: Service) -> "Database":
        """Return a database of this test's own, with the schema of the release before and no rows."""
        name = f"{service.name}_{next(self._numbers)}"
        owner = f"{service.name}_owner"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {service.name} OWNER {owner}")
        return Database(self, service, name)

    def ask(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Ask as the superuser, in a session of its own."""
        state = self.server.state
        session = psycopg2.connect(
            host="127.0.0.1",
            port=state.ports["postgres"],
            dbname=database,
            user="postgres",
            password=state.secret("postgres_db_password"),
        )
        session.autocommit = True
        try:
            with session.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall() if cursor.description else []
        finally:
            session.close()

    def _start(
        self, service: Service, database: str, root: Path = ROOT, migrations: Path | None = None
    ) -> "subprocess.Popen[str]":
        state = self.server.state
        environment = settings.full_environment(settings.migration(state, service.name))
        port = state.ports["postgres"]
        environment["MIGRATION_DATABASE_URL"] = f"postgresql://{service.name}_owner@127.0.0.1:{port}/{database}"
        if migrations is not None:
            environment["MIGRATIONS_DIR"] = str(migrations)
        return subprocess.Popen(
            [service.command(root), "migrate"],
            env=environment,
            cwd="/",
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@dataclass(frozen=True)
class Database:
    """One of them."""

    home: Databases
    service: Service
    name: str

    def start_migrator(self, migrations: Path | None = None) -> "subprocess.Popen[str]":
        """Start this tree's `migrate`; its output is one pipe."""
        return self.home._start(self.service, self.name, migrations=migrations)

    def migrate(self, migrations: Path | None = None) -> str:
        """Migrate to the end; return what was said."""
        process = self.start_migrator(migrations)
        said, _ = process.communicate(timeout=MIGRATED_WITHIN_S)
        assert process.returncode == 0, said
        return said

    @contextlib.contextmanager
    def session(self) -> Iterator[Connection]:
        """Open a session as the service has one, which waits for no lock longer than a request may."""
        state = self.home.server.state
        opened = psycopg2.connect(
            host="127.0.0.1",
            port=state.ports["postgres"],
            dbname=self.name,
            user=self.service.name,
            password=state.secret(f"{self.service.name}_db_password"),
            options=f"-c lock_timeout={LONGEST_WAIT_MS} -c idle_in_transaction_session_timeout=0",
        )
        try:
            yield opened
        finally:
            opened.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask as the superuser."""
        return self.home.ask(query, self.name)

    def tables(self) -> list[str]:
        """Return the service's own tables, by name."""
        found = self.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
        )
        return [row[0] for row in found]

    def revision(self) -> str:
        """Return the revision that it is at."""
        return str(self.rows("SELECT version_num FROM alembic_version")[0][0])

    def migrator_is_connected(self) -> bool:
        """Say whether a migrator has a session."""
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'migrate'"
        return bool(self.rows(query))

    def await_no_migrator(self) -> None:
        """Wait until the server has noticed that a killed migrator is gone."""
        eventually(lambda: not self.migrator_is_connected(), within_s=GONE_WITHIN_S, what="the migrator's session ends")

    def schema(self) -> str:
        """Return the whole schema in words, the same for the same schema."""
        command: Sequence[Any] = [
            program() / "pg_dump",
            *self.home.server.connection("postgres", self.name),
            "--schema-only",
            "--no-owner",
        ]
        dumped = subprocess.run(
            list(map(str, command)),
            env={**os.environ, "PGPASSWORD": self.home.server.state.secret("postgres_db_password")},
            check=True,
            capture_output=True,
            text=True,
            timeout=MIGRATED_WITHIN_S,
        ).stdout
        # Newer dumps are wrapped in a random word.
        return "\n".join(line for line in dumped.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))

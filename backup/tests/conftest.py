"""A PostgreSQL of the tests' own, with as much of the three schemas as backups, drill and restore speak of."""

import contextlib
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mercadito_backup import databases, shelf
from mercadito_backup.locking import new_key
from mercadito_backup.problems import Failed
from mercadito_backup.programs import run
from mercadito_backup.settings import Settings, from_env, server
from mercadito_backup.taking import take

STARTED_WITHIN_S = 30
FIRST, SECOND = "0001", "0002"
_OUTBOX = "CREATE TABLE outbox (id int, published_at timestamptz, stream_seq int, expires_at timestamptz);"
SCHEMAS = {
    "orders": (
        "CREATE TABLE offers (id int PRIMARY KEY, available int, remaining int);"
        "CREATE TABLE orders (id int PRIMARY KEY, state text, total_cents int);"
        "CREATE TABLE order_lines (order_id int, offer_id int, quantity int, unit_price_cents int);"
        "CREATE TABLE sessions (id int); CREATE TABLE one_time_links (used_at timestamptz);"
        "CREATE SEQUENCE order_numbers; INSERT INTO orders VALUES (1, 'cancelled', 700);"
    ),
    "usda": (
        "CREATE TABLE price_version (version int, changed_at timestamptz);INSERT INTO price_version VALUES (1, now());"
    ),
    "notify": "CREATE TABLE queue_switches (held boolean, reason text, person_id text);",
}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, str]]:
    """A server that trusts everybody; what a process is told to reach it."""
    # postgres refuses root, and pytest's own folders belong to root alone then.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder, port = Path(tempfile.mkdtemp(prefix="mercadito-backup-")), str(_free_port())
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    made = ["initdb", f"--pgdata={folder}/data", "--auth=trust", "--username=postgres", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, user=user)
    quick = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-k", str(folder), "-p", port]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["postgres", "-D", f"{folder}/data", *quick], cwd=folder, user=user, stdout=log, stderr=log
        ) as process,
    ):
        try:
            told = {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": port, "PATH": os.environ["PATH"]}
            _wait_for(told)
            roles = [f"{name}{end}" for name in databases.DATABASES for end in ("", "_owner")]
            _ask(told, "postgres", "".join(f"CREATE ROLE {role};" for role in [*roles, "backup SUPERUSER LOGIN"]))
            yield told
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for(told: dict[str, str]) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        with contextlib.suppress(Failed):
            _ask(told, "postgres", "SELECT 1")
            return
        if time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL does not start")


def _ask(told: dict[str, str], database: str, statement: str) -> str:
    env = server(told, user="postgres", password="").environment
    return run([*databases.PSQL, "--dbname", database], env, given=statement).strip()


@dataclass
class Hub:
    """One server's databases, folders and settings, of a release that knows the schemas `known`."""

    folder: Path
    told: dict[str, str]
    more: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return from_env(self.told | self.more)

    def ask(self, database: str, statement: str) -> str:
        return _ask(self.told, database, statement)

    def make_databases(self, revision: str = FIRST) -> None:
        """As a first start leaves them, with nothing of before."""
        ends = ("", "_restored", "_before_restore", "_half_restored")
        drops = [f"DROP DATABASE IF EXISTS {name}{end} WITH (FORCE);" for name in databases.DATABASES for end in ends]
        makes = [f"CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0;" for name in databases.DATABASES]
        self.ask("postgres", "SET client_min_messages = 'error';" + "\n".join(drops + makes))
        version = f"CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('{revision}');"
        for name in databases.DATABASES:
            self.ask(name, version + _OUTBOX + SCHEMAS[name])

    def migrate(self, revision: str) -> None:
        for name in databases.DATABASES:
            self.ask(name, f"UPDATE alembic_version SET version_num = '{revision}'")

    def knows(self, *revisions: str) -> None:
        """Be a release that has these steps."""
        for name in databases.DATABASES:
            folder = self.settings.migrations / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for before, revision in zip((None, *revisions), revisions, strict=False):
                down = f'"{before}"' if before else None
                (folder / f"{revision}_step.py").write_text(f'revision = "{revision}"\ndown_revision = {down}\n')

    def key(self, name: str) -> tuple[Path, str]:
        file = self.folder / f"{name}.key"
        return file, new_key(file)

    def answer(self, text: str) -> Path:
        """Have an answer of the USDA lie where usda keeps it."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        file = self.settings.raw_files / digest[:2] / digest
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def take(self) -> Path:
        """Take a backup; two of the same second would have one name."""
        newest, deadline = shelf.names(self.settings.folder)[-1:], time.monotonic() + STARTED_WITHIN_S
        while newest == [shelf.name_of(datetime.now(UTC))] and time.monotonic() < deadline:
            pass
        return take(self.settings)

    def run(self, *command: str, key: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run the program itself, as the superuser."""
        source = Path(shelf.__file__).parent.parent
        return subprocess.run(
            [sys.executable, "-m", "mercadito_backup", *command],
            env={**self.told, **self.more, "PYTHONPATH": str(source)},
            input=key.read_text() if key else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


@pytest.fixture
def hub(tmp_path: Path, postgres: dict[str, str]) -> Hub:
    folders = {
        "BACKUP_FOLDER": "backups",
        "BACKUP_STATE_FOLDER": "state",
        "USDA_RAW_DIR": "raw",
        "MIGRATIONS_DIR": "steps",
    }
    for name in folders.values():
        (tmp_path / name).mkdir()
    (tmp_path / "password").write_text("of nobody\n")
    told = {name: str(tmp_path / folder) for name, folder in folders.items()}
    made = Hub(tmp_path, {**postgres, **told, "DATABASE_PASSWORD_FILE": str(tmp_path / "password")})
    made.more = {"BACKUP_RECIPIENTS": made.key("first")[1], "BACKUP_KEEP_FREE_MB": "1"}
    made.knows(FIRST)
    made.make_databases()
    return made

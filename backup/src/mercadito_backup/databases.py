"""The three databases, dumped as they all were at one moment."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from mercadito_backup.problems import Failed
from mercadito_backup.programs import output
from mercadito_backup.settings import Server

# In the order in which their snapshots are taken, milliseconds apart: who hears of others first, orders last. What
# happened in between is then known to who told it and not yet to who hears it, and the outbox tells it again after a
# restore. The other way round there would be mails about orders that do not exist.
DATABASES = ("notify", "usda", "orders")
_END = "end of the answer"
PSQL = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1")
COUNTS = (
    "SELECT coalesce(json_object_agg(relname, (xpath('/row/n/text()', query_to_xml("
    "format('SELECT count(*) AS n FROM public.%I', relname), false, true, '')))[1]::text::bigint), '{}')"
    " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
)
REVISION = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database at one moment, for as long as the connection that holds it lives."""

    database: str
    name: str
    revision: str
    rows: dict[str, int]
    database_bytes: int


class _Session:
    """psql, asked one thing after the other in one transaction."""

    def __init__(self, database: str, process: "subprocess.Popen[bytes]") -> None:
        self.database, self._process = database, process

    def ask(self, statement: str) -> str:
        """Return the answer's only value."""
        if self._process.stdin is None:
            raise AssertionError("started with a pipe")
        try:
            self._process.stdin.write(f"{statement};\n\\echo {_END}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"database {self.database} does not answer") from None
        lines: list[str] = []
        for line in output(self._process):
            if line.decode().strip() == _END:
                return "".join(lines).strip()
            lines.append(line.decode())
        raise Failed(f"database {self.database} does not answer, or refuses: see the lines above")


@contextmanager
def snapshots(server: Server) -> Iterator[list[Snapshot]]:
    """Hold all databases at the moment of now.

    Raises:
        Failed: one of them does not answer, or has no schema yet.

    """
    with ExitStack() as stack:
        sessions = [stack.enter_context(_session(server, database)) for database in DATABASES]
        for session in sessions:
            session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        names = [session.ask("SELECT pg_export_snapshot()") for session in sessions]
        yield [_look(session, name) for session, name in zip(sessions, names, strict=True)]


def _look(session: _Session, name: str) -> Snapshot:
    return Snapshot(
        session.database,
        name,
        session.ask(REVISION),
        json.loads(session.ask(COUNTS)),
        int(session.ask("SELECT pg_database_size(current_database())")),
    )


@contextmanager
def _session(server: Server, database: str) -> Iterator[_Session]:
    command = [*PSQL, "--dbname", database]
    process = subprocess.Popen(  # noqa: S603 - our own command, no shell
        command, env=dict(server.environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        try:
            yield _Session(database, process)
        finally:
            process.kill()


def dump(snapshot: Snapshot) -> list[str]:
    """Return the command that writes a database as it was at the snapshot's moment."""
    # Compressed: age's output would not get smaller afterwards. A lock that a migration holds is waited for a minute.
    return [
        *("pg_dump", "--format=custom", "--compress=6", "--lock-wait-timeout=60s"),
        *(f"--snapshot={snapshot.name}", f"--dbname={snapshot.database}"),
    ]

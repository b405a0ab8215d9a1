"""A migration while somebody reads for long: it gives way, and whoever asks meanwhile waits two seconds at most."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest

from tests.migrations.databases import Database, Databases
from tests.migrations.migrator import Migrator
from tests.migrations.services import SERVICES, Service

# After the real steps one that no release would have: it changes every table, so that each is waited for.
EVERY_TABLE = """
from alembic import op
revision, down_revision = "9999", "{head}"
def upgrade():
    for table in {tables!r}:
        op.execute(f"ALTER TABLE {{table}} ADD COLUMN added_by_a_test integer")
"""


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def database(request: pytest.FixtureRequest, databases: Databases) -> Database:
    chosen: Service = request.param
    return databases.copy(chosen)


@pytest.fixture
def steps(database: Database, tmp_path: Path) -> Path:
    """The service's migrations and the step that changes every table of the release before."""
    folder = tmp_path / "migrations"
    shutil.copytree(database.service.migrations, folder, ignore=shutil.ignore_patterns("__pycache__"))
    step = EVERY_TABLE.format(head=database.service.head, tables=database.tables())
    (folder / "versions" / "9999_every_table.py").write_text(step)
    return folder


@dataclass
class Visitor:
    """Reads and writes every table, again and again, as requests do; `waited_too_long` are those it could not have."""

    database: Database
    rounds: int = 0
    waited_too_long: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def at_work(self) -> Iterator["Visitor"]:
        """Visit meanwhile."""
        visiting = threading.Thread(target=self._visit)
        visiting.start()
        try:
            yield self
        finally:
            self._over.set()
            visiting.join()

    def _visit(self) -> None:
        tables = self.database.tables()
        with self.database.session() as session, session.cursor() as cursor:
            while not self._over.is_set():
                for table in tables:
                    try:
                        # What an INSERT or UPDATE takes.
                        cursor.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
                        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
                    except psycopg2.errors.LockNotAvailable:
                        self.waited_too_long.append(table)
                    session.rollback()
                self.rounds += 1


def test_it_gives_way_and_nobody_waits_for_long(database: Database, steps: Path) -> None:
    tables = database.tables()
    visitor = Visitor(database)
    with visitor.at_work(), database.session() as backup, database.session() as report:
        # As pg_dump does: it reads everything, for as long as it takes.
        for table in tables:
            backup.cursor().execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        report.cursor().execute(f"LOCK TABLE {tables[-1]} IN ACCESS SHARE MODE")
        migrator = Migrator(database.start_migrator(steps))
        migrator.await_giving_way(2)
        first = visitor.rounds
        # Now all but the last table can be had: the step holds them while it waits for that one.
        backup.rollback()
        migrator.await_giving_way(4)
        assert visitor.rounds > first
        report.rollback()
        assert migrator.end() == 0, "".join(migrator.lines)
    assert database.revision() == "9999"
    assert visitor.waited_too_long == []

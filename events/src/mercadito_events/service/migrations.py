"""Alembic without an ini file: one migrator at a time, and no statement that blocks the running service for long.

A service's ``migrations/env.py`` is::

    from mercadito_events.service.migrations import run_env
    from orders.adapters.tables import metadata
    run_env(metadata)
"""

import sys
import time
from pathlib import Path

import sqlalchemy
import structlog
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, MetaData, NullPool, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from mercadito_events.service.database import DRIVER, connect_arguments

# Whoever comes after a statement that waits for a table waits behind it: no request may do so for two seconds.
LOCK_TIMEOUT_MS = 1_000
STATEMENT_TIMEOUT_MS = 5_000
MIGRATOR_WAIT_S = 60.0
SCHEMA_WAIT_S = 600.0
# With the pauses between them about a minute, as long as the backup of a large shop reads every table.
ATTEMPTS = 15
LONGEST_PAUSE_S = 4.0
_POLL_S = 0.2
_SCHEMA_POLL_S = 1.0
# No such table, or not yet one that the service's role may read.
_NOT_THERE_FOR_US = {"42P01", "42501"}
# Any number will do, as long as every migrator of this database uses it; advisory locks are per database.
_ADVISORY_LOCK = 0x6D6967726174  # "migrat"
# lock_not_available, deadlock_detected: the step is undone whole and may simply be tried again.
_GAVE_WAY = {"55P03", "40P01"}
_log = structlog.get_logger(__name__)


class MigrationBusy(Exception):
    """Another migrator held the database for too long, or somebody else a table; the text says which."""


class SchemaBehind(Exception):
    """The database did not get to this version's schema in time; the text says where it stands."""


def upgrade(url: URL | str, migrations_dir: Path) -> None:
    """Bring the database to the newest revision; when there is nothing to do, change nothing.

    A step that can't get its table lock within a second gives way to the running service and is tried again, for about
    a minute. Steps that were done stay done. A schema that a later version made is left alone: that is how a rollback
    finds it.

    Raises:
        MigrationBusy: another migrator is at work and does not finish, or a step did not get its lock.

    """
    config = _config(migrations_dir)
    config.attributes["url"] = make_url(url).set(drivername=DRIVER)
    if (found := _revision(config.attributes["url"])) and found not in _known(config):
        _log.warning("schema_newer_than_this_version", found=found)
        return None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return command.upgrade(config, "head")
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) not in _GAVE_WAY:
                raise
            _log.warning("migration_gave_way", attempt=attempt, attempts=ATTEMPTS, statement=_first_line(error))
            if attempt == ATTEMPTS:
                raise MigrationBusy(
                    f"a table is in use: {ATTEMPTS} times no lock within {LOCK_TIMEOUT_MS} ms for"
                    f" {_first_line(error)!r}; pg_stat_activity shows by whom."
                    " Nothing of this step is done: run it again"
                ) from error
            time.sleep(min(attempt, LONGEST_PAUSE_S))
    return None


def has_upgraded(url: URL | str, migrations_dir: Path) -> bool:
    """Upgrade likewise, for a command; where somebody is in the way, say on standard error what to do."""
    try:
        upgrade(url, migrations_dir)
    except MigrationBusy as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return False
    return True


def _first_line(error: OperationalError) -> str:
    return next((line.strip() for line in (error.statement or "").splitlines() if line.strip()), "")


def await_schema(url: URL | str, migrations_dir: Path, *, within_s: float = SCHEMA_WAIT_S) -> None:
    """Return when somebody else has brought the database to this version's schema, or to a later one.

    For a process that may start before its migration is done: run before it, with the service's own role.

    Raises:
        SchemaBehind: it has not happened in time.

    """
    config, database = _config(migrations_dir), make_url(url).set(drivername=DRIVER)
    behind = _known(config) - set(ScriptDirectory.from_config(config).get_heads())
    deadline = time.monotonic() + within_s
    while True:
        try:
            found = _revision(database)
        except OperationalError as problem:
            standing = f"the database does not answer ({str(problem.orig).strip()})"
        else:
            if found and found not in behind:
                return
            standing = f"the schema is at {found or 'nothing'}"
        if time.monotonic() > deadline:
            raise SchemaBehind(f"{standing}, after {within_s:.0f} s")
        _log.info("schema_awaited", standing=standing)
        time.sleep(_SCHEMA_POLL_S)


def has_schema(url: URL | str, migrations_dir: Path) -> bool:
    """Wait likewise, for a command; where it has not happened in time, say on standard error where it stands."""
    try:
        await_schema(url, migrations_dir)
    except SchemaBehind as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return False
    return True


def _config(migrations_dir: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_dir).replace("%", "%%"))
    return config


def _known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _revision(url: URL) -> str | None:
    """Return the revision that the database is at, None before the first."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=connect_arguments("migrate"))
    try:
        with engine.connect() as connection:
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError as problem:
        if getattr(problem.orig, "pgcode", None) in _NOT_THERE_FOR_US:
            return None
        raise
    return None if found is None else str(found)


def run_env(metadata: MetaData) -> None:
    """Do what Alembic expects of ``env.py``: print SQL when asked for (``--sql``), else run under the advisory lock."""
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given, metadata)
        return
    engine = sqlalchemy.create_engine(
        context.config.attributes["url"],
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=connect_arguments(
            "migrate", statement_timeout_ms=STATEMENT_TIMEOUT_MS, lock_timeout_ms=LOCK_TIMEOUT_MS
        ),
    )
    with engine.connect() as connection:
        _migrate(connection, metadata)


def _migrate(connection: Connection, metadata: MetaData) -> None:
    _take_lock(connection)
    try:
        context.configure(
            connection=connection, target_metadata=metadata, transaction_per_migration=True, compare_type=True
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _ADVISORY_LOCK})
        connection.commit()


def _take_lock(connection: Connection) -> None:
    # Asked for again and again instead of waited for: waiting would be ended by the session's own lock timeout.
    deadline = time.monotonic() + MIGRATOR_WAIT_S
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _ADVISORY_LOCK}):
        connection.rollback()
        if time.monotonic() > deadline:
            raise MigrationBusy(f"another migration has been running for {MIGRATOR_WAIT_S:.0f} s")
        time.sleep(_POLL_S)
    connection.commit()

"""Alembic without an ini file: one migrator at a time, and no statement that blocks the running service for long.

A service's ``migrations/env.py`` is::

    from mercadito_events.service.migrations import run_env
    from orders.adapters.tables import metadata
    run_env(metadata)
"""

import time
from pathlib import Path

import sqlalchemy
import structlog
from alembic import command, context
from alembic.config import Config
from sqlalchemy import URL, Connection, MetaData, NullPool, make_url, text
from sqlalchemy.exc import OperationalError

from mercadito_events.service.database import DRIVER, connect_arguments

LOCK_TIMEOUT_MS = 4_000
STATEMENT_TIMEOUT_MS = 5_000
MIGRATOR_WAIT_S = 60.0
ATTEMPTS = 5
_POLL_S = 0.2
# Any number will do, as long as every migrator of this database uses it; advisory locks are per database.
_ADVISORY_LOCK = 0x6D6967726174  # "migrat"
_LOCK_NOT_AVAILABLE = "55P03"
_log = structlog.get_logger(__name__)


class MigrationBusy(Exception):
    """Another migrator held the database for longer than ``MIGRATOR_WAIT_S``."""


def upgrade(url: URL | str, migrations_dir: Path) -> None:
    """Bring the database to the newest revision; when there is nothing to do, change nothing.

    A step that can't get its table lock within 4 s gives way to the running service and is tried again, five times.

    Raises:
        MigrationBusy: another migrator is at work and does not finish.

    """
    config = Config()
    config.set_main_option("script_location", str(migrations_dir).replace("%", "%%"))
    config.attributes["url"] = make_url(url).set(drivername=DRIVER)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return command.upgrade(config, "head")
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
                raise
            _log.warning("migration_lock_timeout", attempt=attempt, attempts=ATTEMPTS)
            time.sleep(attempt)
    return None


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

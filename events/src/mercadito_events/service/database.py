"""One way to open a service's database."""

import os
import sys
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, OperationalError

DRIVER = "postgresql+psycopg2"
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 3_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
DEAD_PEER_TIMEOUT_MS = 20_000
POOL_TIMEOUT_S = 5
POOL_RECYCLE_S = 1_800
READ_ONLY = "25006"
"""PostgreSQL's code for a write that a standby, or a server that was set read-only, refuses."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the database is; the URL holds the password, its text form does not show it."""

    url: URL


def create_engine(
    settings: DatabaseSettings,
    *,
    pool_size: int,
    max_overflow: int = 0,
    application_name: str | None = None,
) -> Engine:
    """Make an engine whose waits all end: connecting, a lock, a statement, the pool.

    A database that takes no writes is away: it gives no connections, takes back those that were open, and a write that
    it refuses is an ``OperationalError`` like any other of a connection that broke. After a fail-over, or on a disk
    that is full, nobody goes on with it.

    Parameters never appear in its errors, because errors are logged and parameters may be addresses.
    """
    engine = sqlalchemy.create_engine(
        settings.url.set(drivername=DRIVER),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        pool_timeout=POOL_TIMEOUT_S,
        pool_recycle=POOL_RECYCLE_S,
        hide_parameters=True,
        connect_args=connect_arguments(application_name or os.path.basename(sys.argv[0]) or "mercadito"),  # noqa: PTH119 - a name
    )
    event.listen(engine, "checkout", _refuse_read_only)
    event.listen(engine, "handle_error", _told_as_away, retval=True)
    return engine


def _refuse_read_only(connection: Any, _record: object, _proxy: object) -> None:
    """Look at what the server told with its answer to the ping; a new connection was refused by libpq itself."""
    if connection.info.parameter_status("default_transaction_read_only") == "on":
        raise DisconnectionError


def _told_as_away(context: ExceptionContext) -> OperationalError | None:
    """Tell a refused write as a lost connection: this one, and all that are as old, go."""
    told = context.original_exception
    if getattr(told, "pgcode", None) != READ_ONLY:
        return None
    context.is_disconnect = True
    return OperationalError(
        context.statement, context.parameters, told, hide_parameters=True, connection_invalidated=True
    )


def connect_arguments(
    application_name: str,
    *,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> dict[str, str | int]:
    """Return libpq's parameters for a session that may write, in UTC, with the given timeouts."""
    options = {
        "timezone": "UTC",
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
    }
    return {
        "application_name": application_name,
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "target_session_attrs": "read-write",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": DEAD_PEER_TIMEOUT_MS,
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }

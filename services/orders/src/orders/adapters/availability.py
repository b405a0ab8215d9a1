"""Telling a database that is away for a moment from a mistake in what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orders.domain.errors import Unavailable

# lock_not_available, query_canceled (statement timeout), too_many_connections, admin_shutdown, crash_shutdown,
# cannot_connect_now, read_only_sql_transaction (a standby): the same request may succeed in a moment.
_PASSING = frozenset({"55P03", "57014", "53300", "57P01", "57P02", "57P03", "25006"})
# disk_full, out_of_memory, io_error: over once somebody makes room. Reads go on meanwhile, so the gateway shall not
# hold everybody for a write that would only fail again.
_WITHOUT_ROOM = frozenset({"53100", "53200", "58030"})
# deadlock_detected, serialization_failure: the loser is rolled back whole and may simply try again.
_REPEATABLE = frozenset({"40P01", "40001"})
_log = structlog.get_logger(__name__)


def code(error: DBAPIError) -> str | None:
    """Return PostgreSQL's code; None when it was not PostgreSQL that spoke."""
    found: str | None = getattr(error.orig, "pgcode", None)
    return found


def is_passing(error: DBAPIError) -> bool:
    """Tell whether the same statement may succeed in a moment."""
    if code(error) is None:
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return code(error) in _PASSING | _WITHOUT_ROOM


def is_repeatable(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL asks to do the whole transaction again."""
    return code(error) in _REPEATABLE


def unavailable(error: DBAPIError | PoolTimeout, *, committing: bool = False) -> Unavailable:
    """Log what the database did and return what to tell the caller.

    A commit that got no answer may have happened: only before it can nothing have been done.
    """
    problem = type(getattr(error, "orig", None) or error).__name__
    said = code(error) if isinstance(error, DBAPIError) else None
    _log.warning("database_unavailable", code=said, problem=problem, committing=committing)
    has_room = said not in _WITHOUT_ROOM
    return Unavailable(
        "the database cannot be asked now", not_processed=has_room and not committing, in_doubt=has_room and committing
    )


@contextmanager
def lent(engine: Engine) -> Iterator[Connection]:
    """Lend a connection for what may be asked again without harm: reads, and removing what is over."""
    try:
        with engine.connect() as connection:
            yield connection
    except PoolTimeout as error:
        raise unavailable(error) from error
    except DBAPIError as error:
        if not is_passing(error):
            raise
        raise unavailable(error) from error

"""One at a time over all processes: an advisory lock of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text


@contextmanager
def held(engine: Engine, lock: int, busy: Exception) -> Iterator[None]:
    """Hold a lock that only one process can have; it falls with the connection, however the process ends.

    Args:
        engine: the database's; locks are per database. One connection is taken until the end.
        lock: which one.
        busy: raised when another process has it.

    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": lock}):
            raise busy
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": lock})

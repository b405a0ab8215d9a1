"""A connection to the database that is kept while work follows work.

The pool asks a connection whether it is still there each time it lends one. That takes two answers of the database, as
much as marking a dot takes itself.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

# Without work for so long it goes back, and the pool asks the next one first.
IDLE_S = 1.0

T = TypeVar("T")


class KeptConnection:
    """For one piece of work at a time; after an error the next piece gets another connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._used_at = 0.0
        self._at_work = threading.Lock()
        self._ended = False

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do the work, in a transaction unless the engine commits each statement by itself; return its result."""
        with self._at_work:
            try:
                connection = self._lent()
                with connection.begin():
                    result = work(connection)
            except BaseException:
                self._give_back()
                raise
            self._used_at = time.monotonic()
            if self._ended:
                self._give_back()
            return result

    def end(self) -> None:
        """Give the connection back, at once or when the work on it is done."""
        self._ended = True
        if self._at_work.acquire(blocking=False):
            try:
                self._give_back()
            finally:
                self._at_work.release()

    def _lent(self) -> Connection:
        if self._connection is not None and time.monotonic() - self._used_at > IDLE_S:
            self._give_back()
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _give_back(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

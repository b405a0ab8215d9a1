"""COPY in a thread of its own, so that rows are written while the next ones are being read."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Full, Queue
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from usda_ingest.storing import copying

# How soon a COPY that has failed is noticed by whoever wants to hand it more.
_LOOK_AGAIN_S = 0.2


class Copier:
    """One COPY for as long as lines are for the same table; one piece of lines waits at most.

    While it is at work the connection is the thread's alone: ``wait`` comes before any other statement.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy")
        self._pieces: Queue[bytes] = Queue(maxsize=1)
        self._statement = ""
        self._under_way: Future[None] | None = None

    def copy(self, statement: str, lines: list[str]) -> None:
        """Hand lines over; wait if those before them are not taken yet."""
        if not lines:
            return
        if statement != self._statement:
            self.wait()
        if self._under_way is None:
            self._statement = statement
            pieces = copying.Pieces(self._pieces.get)
            self._under_way = self._thread.submit(copying.copy_in, self._connection, statement, pieces)
        self._put("".join(lines).encode())

    def wait(self) -> None:
        """End the COPY, so that the connection is free; raise what went wrong with it."""
        if self._under_way is not None:
            self._put(b"")
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def _put(self, piece: bytes) -> None:
        while self._under_way is not None and not self._under_way.done():
            with suppress(Full):
                self._pieces.put(piece, timeout=_LOOK_AGAIN_S)
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.wait()
        except DBAPIError:
            if error is None:
                raise
        finally:
            self._thread.shutdown()

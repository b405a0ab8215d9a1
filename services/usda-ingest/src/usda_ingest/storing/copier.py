"""COPY in a thread of its own, so that rows are written while the next ones are being read."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from queue import Full, Queue
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from usda_ingest.storing import copying

PIECE_LINES = 2_000
PIECES_PER_COPY = 8
# Of 2,000 lines: 13 MB of rows at most.
PIECES_WAITING = 16
# How soon a COPY that has failed is noticed by whoever wants to hand it more.
_LOOK_AGAIN_S = 0.2


class Copier:
    """COPY for as long as lines are for the same table; a few pieces of them wait at most.

    A COPY ends after some pieces and the next one begins: foreign keys are looked at when it ends, and that, too, then
    happens while there is more to be read.

    While it is at work the connection is the thread's alone: ``wait`` comes before any other statement.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy")
        self._pieces: Queue[bytes] = Queue(maxsize=PIECES_WAITING)
        self._statement = ""
        self._under_way: Future[None] | None = None

    def copy(self, statement: str, lines: Iterable[str]) -> None:
        """Hand lines over; wait while too many of those before them are not taken yet.

        Raises:
            DBAPIError: what went wrong with this COPY or the one before it, as ``wait`` does.

        """
        remaining = iter(lines)
        while piece := "".join(islice(remaining, PIECE_LINES)):
            self._hand_over(statement, piece.encode())

    def wait(self) -> None:
        """End the COPY, so that the connection is free; raise what went wrong with it."""
        if self._under_way is not None:
            self._put(b"")
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def _hand_over(self, statement: str, piece: bytes) -> None:
        if statement != self._statement:
            self.wait()
        if self._under_way is None:
            self._statement = statement
            self._under_way = self._thread.submit(self._copy_all, statement)
        self._put(piece)
        if self._under_way is not None and self._under_way.done():  # before its end: something went wrong
            self.wait()

    def _copy_all(self, statement: str) -> None:
        """Copy, in the thread, until an empty piece comes."""
        pieces = iter(self._pieces.get, b"")
        for first in pieces:
            portion = chain([first], islice(pieces, PIECES_PER_COPY - 1), [b""])
            copying.copy_in(self._connection, statement, copying.Pieces(portion.__next__))

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

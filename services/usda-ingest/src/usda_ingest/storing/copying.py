"""COPY, the fastest way into PostgreSQL: texts made by hand, one line a row, sent in one piece."""

from collections.abc import Callable
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it has no types of its own
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

NULL = "\\N"
# Each piece is taken whole: between two readings another thread may keep the interpreter for 5 ms.
_WHOLE = 1 << 30
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def field(value: str) -> str:
    """Return the value as COPY's text format has it."""
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPED)


class Pieces:
    """A file whose readings are pieces that come from elsewhere; an empty one is its end."""

    def __init__(self, following: Callable[[], bytes]) -> None:
        self._following = following

    def read(self, _size: int) -> bytes:
        """Return the next piece, whole."""
        return self._following()


def copy_in(connection: Connection, statement: str, lines: str | Pieces) -> None:
    """Run ``COPY … FROM STDIN`` with lines in COPY's text format.

    Raises:
        DBAPIError: of SQLAlchemy's own kinds, as every other statement raises them.

    """
    pieces = Pieces(iter([lines.encode(), b""]).__next__) if isinstance(lines, str) else lines
    # COPY is psycopg2's own; SQLAlchemy has no form of it.
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(statement, pieces, size=_WHOLE)
    except psycopg2.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg2.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()

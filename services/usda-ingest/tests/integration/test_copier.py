"""COPY beside the reading: all lines arrive, and what the database will not hold undoes all of them."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from usda_ingest.storing.copier import PIECE_LINES, PIECES_PER_COPY, PIECES_WAITING, Copier

SERIES = "COPY staged_series FROM STDIN"
DAY_QUOTES = "COPY staged_day_quotes FROM STDIN"
SEVERAL_COPIES = PIECE_LINES * PIECES_PER_COPY * 2 + 1


def series(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"{UUID(int=number)}\tm\tc\t\t\t\t\tf\t2026-01-08\t2026-01-08\n"


def copied(copier: Copier, statement: str, lines: Iterable[str]) -> None:
    copier.copy(statement, lines)
    copier.wait()


def in_a_transaction(db: Any, *copies: tuple[str, Iterable[str]]) -> None:
    with db.engine.begin() as connection, Copier(connection) as copier:
        for statement, lines in copies:
            copied(copier, statement, lines)


def quotes(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"{UUID(int=number)}\t2026-01-08\tr\t1.00\t2.00\t\\N\t\\N\n"


@pytest.mark.parametrize("count", [0, 1, PIECE_LINES, PIECE_LINES * PIECES_PER_COPY, SEVERAL_COPIES])
def test_every_line_arrives_however_many_copies_they_take(db: Any, count: int) -> None:
    with db.engine.begin() as connection, Copier(connection) as copier:
        copier.copy(SERIES, series(count))
        copier.wait()
        assert connection.scalar(text("SELECT count(DISTINCT series_id) FROM staged_series")) == count


def test_lines_for_another_table_end_the_copy_before_them(db: Any) -> None:
    with db.engine.begin() as connection, Copier(connection) as copier:
        copier.copy(SERIES, series(3))
        copier.copy(DAY_QUOTES, quotes(2))
        copier.copy(SERIES, series(1))
        copier.wait()
        found = connection.execute(text("SELECT (SELECT count(*) FROM staged_series), count(*) FROM staged_day_quotes"))
        assert tuple(found.one()) == (4, 2)


def test_a_line_that_the_database_refuses_is_told_and_nothing_stands_of_those_before_it(db: Any) -> None:
    def lines() -> Iterator[str]:
        yield from series(PIECE_LINES)
        yield "no series\n"
        yield from series(SEVERAL_COPIES)

    with pytest.raises(DBAPIError, match="staged_series"):
        in_a_transaction(db, (SERIES, lines()))
    assert db.value("SELECT count(*) FROM staged_series") == 0


def test_a_foreign_key_that_fails_when_an_earlier_copy_ends_is_told(db: Any) -> None:
    line = f"{uuid4()}\t2026-01-08\tr\t1\t2\t\\N\t\\N\t1.5\t2026-01-08\n"
    with pytest.raises(IntegrityError):
        in_a_transaction(db, ("COPY day_quotes FROM STDIN", [line]), (SERIES, series(1)))
    assert db.value("SELECT count(*) FROM day_quotes") == 0


def test_what_goes_wrong_while_lines_are_made_is_not_hidden_and_the_connection_is_free_again(db: Any) -> None:
    with db.engine.connect() as connection:
        with pytest.raises(ZeroDivisionError), Copier(connection) as copier:
            copier.copy(SERIES, (f"{1 / number}" for number in (0,)))
        connection.rollback()
        assert connection.scalar(text("SELECT 1")) == 1


def test_what_waits_is_bounded_while_the_database_is_slow(db: Any) -> None:
    """A lock holds the COPY up: no more is taken than may wait."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in series(PIECE_LINES * (PIECES_WAITING + 10)):
            taken += 1
            yield line

    with db.engine.connect() as other, db.engine.begin() as connection, Copier(connection) as copier:
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        other.execute(text("LOCK TABLE staged_series IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            copied(copier, SERIES, lines())
    assert taken <= PIECE_LINES * (PIECES_WAITING + 2)

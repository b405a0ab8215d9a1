"""Statements that are late now and then, so that transactions overlap in ways they rarely would."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

SHARE = 0.02


@contextmanager
def late_statements(engine: Engine, seed: int) -> Iterator[None]:
    """Hold up one of fifty statements for 10 ms, inside the transaction and with all its locks."""
    chance = random.Random(seed)

    def dawdle(_conn: Any, cursor: Any, _sql: str, *_: Any) -> None:
        if chance.random() < SHARE:
            cursor.connection.cursor().execute("SELECT pg_sleep(0.01)")

    event.listen(engine, "before_cursor_execute", dawdle)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", dawdle)

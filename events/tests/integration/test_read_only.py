"""A database that takes no writes: its disk is full at the provider's, or it is what another one fails over from."""

from collections.abc import Callable
from typing import Any

import pytest
from mercadito_events.outbox import Relay
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from steps import drained, is_away, numbers, put, read_stream, until

WRITE = text("INSERT INTO effect (n) VALUES (1)")


def test_nobody_is_given_a_connection_to_a_database_that_takes_no_writes(
    engine: Engine, read_only: Callable[[bool], None], eventually: Callable[..., Any]
) -> None:
    assert not is_away(engine)
    read_only(True)
    eventually(lambda: is_away(engine))
    read_only(False)
    eventually(lambda: not is_away(engine))


def test_a_write_that_is_refused_so_is_told_as_a_database_away_and_its_connection_goes(engine: Engine) -> None:
    with engine.connect() as connection:
        session = connection.scalar(text("SELECT pg_backend_pid()"))
        connection.rollback()
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        connection.commit()
        with pytest.raises(OperationalError) as told:
            connection.execute(WRITE)
        assert told.value.connection_invalidated
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != session
        connection.execute(WRITE)


async def test_the_relay_gives_way_while_the_database_is_read_only_and_goes_on_afterwards(
    engine: Engine,
    connected: Callable[..., Any],
    running: Callable[..., Any],
    read_only: Callable[[bool], None],
) -> None:
    relay = Relay(engine, await connected("orders"), service="orders")
    running(relay)
    put(engine, 1)
    await drained(engine)
    put(engine, 2)
    read_only(True)
    await until(lambda: is_away(engine))
    read_only(False)
    await until(lambda: not is_away(engine))
    put(engine, 3)
    await drained(engine)
    assert numbers(await read_stream(await connected("operator"))) == [1, 2, 3]

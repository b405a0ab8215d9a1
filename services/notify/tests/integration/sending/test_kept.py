"""A connection that is kept: the same one for work that follows work, another one after an error or a rest."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from notify.sending import kept
from notify.sending.kept import KeptConnection
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool


@pytest.fixture
def keeping(engine: Engine) -> Iterator[KeptConnection]:
    made = KeptConnection(engine)
    yield made
    made.end()
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.checkedout() == 0


def pid(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def cut(engine: Engine, backend: int) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})


def put_down(connection: Connection) -> None:
    connection.execute(text("INSERT INTO relays (name, faults) VALUES ('kept', 1)"))


def relays(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM relays WHERE name = 'kept'")) or 0)


def test_work_that_follows_work_has_the_same_connection(engine: Engine, keeping: KeptConnection) -> None:
    first = keeping.run(pid)
    with engine.connect() as other:  # what the pool would lend otherwise
        assert pid(other) != first
        assert keeping.run(pid) == first


def test_one_that_broke_is_replaced_for_the_next_piece(engine: Engine, keeping: KeptConnection) -> None:
    cut(engine, keeping.run(pid))
    with pytest.raises(OperationalError):
        keeping.run(pid)
    assert keeping.run(pid)


def test_one_that_rested_is_asked_first_whether_it_is_still_there(
    engine: Engine, keeping: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "IDLE_S", 0.0)
    cut(engine, keeping.run(pid))
    assert keeping.run(pid)


def test_work_that_fails_is_taken_back_and_its_connection_given_back(engine: Engine, keeping: KeptConnection) -> None:
    def fail(connection: Connection) -> None:
        put_down(connection)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        keeping.run(fail)
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.checkedout() == 0
    assert keeping.run(relays) == 0
    keeping.run(put_down)
    assert keeping.run(relays) == 1


def test_where_each_statement_commits_by_itself_it_is_kept_as_well(engine: Engine) -> None:
    at_once = KeptConnection(engine.execution_options(isolation_level="AUTOCOMMIT"))

    def half(connection: Connection) -> None:
        put_down(connection)
        with engine.connect() as other:
            assert relays(other) == 1

    at_once.run(half)
    at_once.end()


def test_one_at_work_is_given_back_when_the_work_is_done(engine: Engine) -> None:
    made, started, may_end = KeptConnection(engine), threading.Event(), threading.Event()

    def work(connection: Connection) -> int:
        started.set()
        assert may_end.wait(10)
        return pid(connection)

    assert isinstance(engine.pool, QueuePool)
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(made.run, work)
        assert started.wait(10)
        made.end()
        assert engine.pool.checkedout() == 1
        may_end.set()
        assert done.result(10)
    assert engine.pool.checkedout() == 0

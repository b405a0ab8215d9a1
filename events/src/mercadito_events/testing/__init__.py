"""Pytest plugin: real PostgreSQL and nats-server for each test session, on free ports, gone afterwards.

Use it with ``pytest_plugins = ["mercadito_events.testing"]`` in the topmost ``conftest.py``.
There are no assertions here to explain, and a conftest may import from here first: PYTEST_DONT_REWRITE.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from mercadito_events.testing.nats_server import NatsServer
from mercadito_events.testing.ports import free_port
from mercadito_events.testing.urls import DatabaseUrls

if TYPE_CHECKING:
    from mercadito_events.testing.postgres import PostgresServer

__all__ = ["DatabaseUrls", "NatsServer", "free_port", "wait_until"]

_POLL_S = 0.02
PATIENCE_S = 30.0  # of a machine that does much else besides; only a failure takes as long


@pytest.fixture(scope="session")
def postgres_server() -> "Iterator[PostgresServer]":
    """Return a running PostgreSQL cluster of this session's own."""
    from mercadito_events.testing.postgres import PostgresServer  # noqa: PLC0415 - realtime's tests have no psycopg2

    server = PostgresServer()
    server.start()
    yield server
    server.destroy()


@pytest.fixture
def database(postgres_server: "PostgresServer") -> Iterator[Callable[[], DatabaseUrls]]:
    """Return a function that makes a fresh, empty database with its owner and app roles."""
    made: list[DatabaseUrls] = []

    def make() -> DatabaseUrls:
        made.append(postgres_server.create_database())
        return made[-1]

    yield make
    for urls in made:
        postgres_server.drop_database(urls)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """Return a running nats-server with the users of ``accounts.conf`` and the streams of ``streams.yaml``."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    server.provision()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Return ``wait_until``."""
    return wait_until


def wait_until(predicate: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Call the predicate until it returns something true, and return that.

    It blocks: in a coroutine use ``await asyncio.to_thread(eventually, predicate)``. An AssertionError inside the
    predicate counts as "not yet" and is what fails the test in the end.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        problem: AssertionError | None = None
        try:
            if found := predicate():
                return found
        except AssertionError as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem or AssertionError(f"not within {timeout_s} s: {getattr(predicate, '__name__', predicate)}")
        time.sleep(_POLL_S)

"""Fixtures of the kit's own tests: a database with outbox, inbox and a table of effects; connections that close."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog
from alembic.migration import MigrationContext
from alembic.operations import Operations
from mercadito_events.cli import main
from mercadito_events.connection import connect
from mercadito_events.ddl import create_inbox_v1, create_outbox_v1
from mercadito_events.testing import DatabaseUrls, NatsServer
from mercadito_events.testing.postgres import PostgresServer
from nats import NATS
from running import Done, Run
from sqlalchemy import Engine, text
from steps import engine_for

pytest_plugins = ["mercadito_events.testing"]

Connect = Callable[[str], Awaitable[NATS]]


@pytest.fixture(scope="session")
def migrated(postgres_server: PostgresServer) -> DatabaseUrls:
    """Return one database for all tests: making one takes longer than most of them."""
    made = postgres_server.create_database()
    owner = engine_for(made.owner_url)
    with owner.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        create_outbox_v1(op)
        create_inbox_v1(op)
        connection.execute(text("CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, event_id uuid, n int)"))
        connection.execute(text("CREATE TABLE stock (id int PRIMARY KEY, version int NOT NULL)"))
        connection.execute(text("CREATE TABLE idempotency (id bigint GENERATED ALWAYS AS IDENTITY, key text UNIQUE)"))
    owner.dispose()
    return made


@pytest.fixture
def urls(migrated: DatabaseUrls, postgres_server: PostgresServer) -> DatabaseUrls:
    """Return the database, empty."""
    postgres_server.empty(migrated.name)
    return migrated


@pytest.fixture
def engine(urls: DatabaseUrls) -> Iterator[Engine]:
    made = engine_for(urls.app_url)
    yield made
    made.dispose()


@pytest.fixture
def read_only(postgres_server: PostgresServer, eventually: Callable[..., Any]) -> Iterator[Callable[[bool], None]]:
    """Return a function that makes the server refuse writes, in sessions that are open too, or take them again."""

    def is_now(wanted: str) -> bool:
        with postgres_server.connect("postgres") as cursor:
            cursor.execute("SHOW default_transaction_read_only")
            return bool(cursor.fetchone()[0] == wanted)

    def switch(on: bool) -> None:
        wanted = "on" if on else "off"
        with postgres_server.connect("postgres") as cursor:
            cursor.execute(f"ALTER SYSTEM SET default_transaction_read_only = {wanted}")
            cursor.execute("SELECT pg_reload_conf()")
        eventually(lambda: is_now(wanted))  # sessions that begin from now on

    yield switch
    switch(False)


@pytest.fixture
def nats(nats_server: NatsServer) -> NatsServer:
    """Return the session's server with empty streams."""
    nats_server.reset()
    return nats_server


@pytest.fixture
async def connected(nats: NatsServer) -> AsyncIterator[Connect]:
    opened: list[NATS] = []

    async def open_as(user: str) -> NATS:
        opened.append(await connect(nats.settings(user), name=f"test-{user}"))
        return opened[-1]

    yield open_as
    for nc in opened:
        await nc.close()


@pytest.fixture
async def running() -> AsyncIterator[Callable[[Any], asyncio.Event]]:
    """Return a function that runs something with ``run(stop)`` in the background, until the test ends."""
    stops: list[asyncio.Event] = []
    tasks: list[asyncio.Task[None]] = []

    def start(runner: Any) -> asyncio.Event:
        stop = asyncio.Event()
        stops.append(stop)
        tasks.append(asyncio.create_task(runner.run(stop)))
        return stop

    yield start
    for stop in stops:
        stop.set()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def run(nats: NatsServer, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Return a function that runs the command in this process: starting Python takes longer than all it does."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run_as(user: str, *arguments: str, **env: str) -> Done:
        capsys.readouterr()
        try:
            status = main(arguments, {"MERCADITO_ENV": "test"} | nats.environment(user) | env)
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        heard = capsys.readouterr()
        return Done(status, heard.out, heard.err)

    yield run_as
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()

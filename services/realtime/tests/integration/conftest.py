"""Realtime as a process of its own, publishers, and clients."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from event_source import EventSource
from harness import Clients, Eventually, Process, Publisher, Start, publisher
from mercadito_events.connection import connect
from mercadito_events.testing import NatsServer
from nats.aio.client import Client
from stand_ins import Issuer


@pytest.fixture(scope="session")
def realtime_env(nats_server: NatsServer, issuer: Issuer) -> dict[str, str]:
    return {
        **nats_server.environment("realtime"),
        "MERCADITO_ENV": "test",
        "IDENTITY_JWKS_FILE": str(issuer.jwks_file),
    }


@pytest.fixture
def launch(realtime_env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a process with changed settings; all are stopped in the end."""
    started: list[Process] = []

    def begin(ws_port: int | None = None, **env: str) -> Process:
        started.append(Process(realtime_env | env, tmp_path / f"log-{len(started)}", ws_port))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


@pytest.fixture
def start(launch: Start, eventually: Eventually) -> Start:
    """Return a function that starts a process with changed settings and waits until it is ready."""

    def begin(ws_port: int | None = None, **env: str) -> Process:
        process = launch(ws_port, **env)
        eventually(process.is_ready, timeout_s=20)
        return process

    return begin


@pytest.fixture(scope="session")
def shared(
    realtime_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory, eventually: Eventually
) -> Iterator[Process]:
    """Return a process for all tests that leave it as it was."""
    process = Process(realtime_env | {"WS_MAX_PER_PERSON": "5"}, tmp_path_factory.mktemp("realtime") / "log")
    eventually(process.is_ready, timeout_s=20)
    yield process
    assert process.stop() == 0


@pytest.fixture
async def publish(nats_server: NatsServer) -> AsyncIterator[Publisher]:
    async with publisher(nats_server) as made:
        yield made


@pytest.fixture
async def clients(issuer: Issuer) -> AsyncIterator[Clients]:
    made = Clients(issuer)
    yield made
    await made.close()


@pytest.fixture
async def sources(issuer: Issuer) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that opens streams, by ticket unless told otherwise; all are closed in the end."""
    opened: list[EventSource] = []

    async def begin(process: Process, *channels: str, person: str | None = "p1", query: str = "", **how: Any) -> Any:
        claims = how.pop("claims", {})
        if person is not None:
            how.setdefault("Authorization", f"Bearer {issuer.ticket(person, **claims)}")
        asked = "&".join(f"c={quote(channel, safe=':')}" for channel in channels)
        source = await EventSource.open(process.http_port, f"?{asked}{query}", **how)
        opened.append(source)
        return source

    yield begin
    for source in opened:
        await source.close()


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server for one test, which may stop it or fill it."""
    server = NatsServer(tmp_path)
    server.start()
    server.provision()
    yield server
    server.kill()


@pytest.fixture
async def nc(own_nats: NatsServer) -> AsyncIterator[Client]:
    """A connection to it, as realtime."""
    connection = await connect(own_nats.settings("realtime"), name="test")
    yield connection
    await connection.close()


@pytest.fixture
async def say(own_nats: NatsServer) -> AsyncIterator[Publisher]:
    """Who publishes to it."""
    async with publisher(own_nats) as made:
        yield made

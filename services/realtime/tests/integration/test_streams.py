"""What happens when the stream server, the stream or this process goes away, and when a client can't keep up."""

import asyncio
import json
import signal
import socket as sockets
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness import Clients, Process, Publisher, Start, publisher
from mercadito_events.connection import connect
from mercadito_events.testing import NatsServer, wait_until
from realtime.sockets import RETRY_PER_CLIENT_MS
from stand_ins import Issuer


@pytest.fixture(scope="module")
def own_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("own-nats"))
    server.start()
    server.provision()
    yield server
    server.kill()


@pytest.fixture
async def publish(own_nats: NatsServer) -> AsyncIterator[Publisher]:
    async with publisher(own_nats) as made:
        yield made


@pytest.fixture
def begin(own_nats: NatsServer, start: Start) -> Start:
    return lambda **env: start(**own_nats.environment("realtime"), **env)


@pytest.fixture(scope="module")
def steady(
    own_nats: NatsServer, realtime_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """Return a process that lives through what happens to its stream server."""
    env = realtime_env | own_nats.environment("realtime")
    process = Process(env, tmp_path_factory.mktemp("steady") / "log")
    wait_until(process.is_ready, timeout_s=20)
    yield process
    assert process.stop() == 0


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


async def until_ready(process: Process, *, ready: bool = True) -> None:
    await asyncio.to_thread(wait_until, lambda: process.is_ready() is ready, 20)


async def test_the_stream_goes_on_without_a_gap_when_nats_is_killed_and_comes_back(
    own_nats: NatsServer, steady: Process, clients: Clients, publish: Publisher
) -> None:
    process, cycle = steady, fresh("cycle")
    buyer = await clients.signed_in(process)
    await buyer.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, ("a", 1, 1))
    await buyer.message(lambda m: m["v"] == 1)
    for version in (2, 4):
        own_nats.kill()
        own_nats.start()
        await publish.offers(cycle, ("a", 1, version))
        await publish.offers(cycle, ("b", 1, version + 1))
        began = time.monotonic()
        await buyer.message(lambda m, version=version: m["v"] == version + 1, timeout_s=10)
        assert time.monotonic() - began < 3
    news = buyer.news(f"cycle:{cycle}")
    assert [m["v"] for m in news] == [1, 2, 3, 4, 5]
    assert [m["p"] for m in news[1:]] == [m["o"] for m in news[:-1]]
    assert all("sub" not in frame for frame in buyer.frames[2:])


async def test_a_stream_made_again_is_another_epoch_and_everyone_is_told_to_fetch(
    own_nats: NatsServer, steady: Process, clients: Clients
) -> None:
    process, cycle = steady, fresh("cycle")
    buyer = await clients.signed_in(process)
    before = (await buyer.subscribe(f"cycle:{cycle}"))["sub"]["pos"]
    await asyncio.to_thread(own_nats.reset)
    told = await buyer.until(lambda f: f.get("sub") if f.get("sub", {}).get("recovered") is False else None, 15)
    assert told["c"] == f"cycle:{cycle}"
    assert told["pos"]["e"] != before["e"]
    await until_ready(process)
    assert (await buyer.subscribe(f"cycle:{cycle}", pos=before))["sub"]["recovered"] is False
    async with publisher(own_nats) as publish:
        await publish.offers(cycle, ("a", 1, 1))
        await buyer.message(lambda m: m["v"] == 1)


async def test_a_consumer_that_was_deleted_is_made_again(
    own_nats: NatsServer, steady: Process, clients: Clients, publish: Publisher
) -> None:
    process, cycle = steady, fresh("cycle")
    buyer = await clients.signed_in(process)
    await buyer.subscribe(f"cycle:{cycle}")
    nc = await connect(own_nats.settings("operator"), name="test")
    names = json.loads((await nc.request("$JS.API.CONSUMER.NAMES.ORDERS", b"")).data)["consumers"]
    await nc.close()
    mine = await connect(own_nats.settings("realtime"), name="test")
    for name in names:
        if "__" not in name:
            await mine.request(f"$JS.API.CONSUMER.DELETE.ORDERS.{name}", b"")
    await mine.close()
    await publish.offers(cycle, ("a", 1, 1))
    await buyer.message(lambda m: m["v"] == 1, timeout_s=8)


async def test_a_process_started_later_recovers_positions_of_another_one(
    begin: Start, clients: Clients, publish: Publisher
) -> None:
    first, cycle = begin(), fresh("cycle")
    buyer = await clients.signed_in(first)
    position = (await buyer.subscribe(f"cycle:{cycle}"))["sub"]["pos"]
    await publish.offers(cycle, ("a", 3, 1))
    seen = await buyer.message(lambda m: m["v"] == 1)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    await publish.offers(cycle, ("a", 2, 2))
    second = begin()
    for offset in (position["o"], seen["o"]):
        back = await clients.signed_in(second)
        answer = await back.subscribe(f"cycle:{cycle}", pos={"e": position["e"], "o": offset})
        assert answer["sub"]["recovered"] is True
        assert answer["sub"]["pos"]["o"] == offset
        await back.message(lambda m: m["v"] == 2)


async def test_a_sign_out_of_before_the_start_still_counts(
    begin: Start, clients: Clients, publish: Publisher, issuer: Issuer
) -> None:
    ticket = issuer.ticket("p-gone", iat=int(time.time()) - 5)
    await publish.signed_out("p-gone")
    process = begin()
    socket = await clients.open(process)
    await socket.say(auth=ticket)
    assert await socket.code() == 4001
    await clients.signed_in(process, "p-gone", iat=int(time.time()) + 2)


async def test_two_processes_share_a_port(begin: Start, clients: Clients, publish: Publisher) -> None:
    first = begin()
    second, cycle = begin(ws_port=first.ws_port), fresh("cycle")
    watchers = [await clients.signed_in(first, f"p{n}") for n in range(16)]
    for watcher in watchers:
        await watcher.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, ("a", 1, 1))
    for watcher in watchers:
        await watcher.message(lambda m: m["v"] == 1)
    both = [process.metric('realtime_connections{transport="ws"}') for process in (first, second)]
    assert sum(both) == 16


async def test_readiness_is_refused_and_clients_sent_away_while_nats_is_gone_for_long(
    own_nats: NatsServer, steady: Process, clients: Clients
) -> None:
    process = steady
    own_nats.kill()
    await until_ready(process, ready=False)
    assert "can't be read" in process.get("/readyz")[1]
    assert process.get("/healthz")[0] == 200
    own_nats.start()
    await until_ready(process)
    await clients.signed_in(process)


async def test_without_keys_nobody_can_be_recognised_and_it_is_not_ready(
    own_nats: NatsServer, realtime_env: dict[str, str], launch: Start, tmp_path: Path
) -> None:
    process = launch(**own_nats.environment("realtime"), IDENTITY_JWKS_FILE=str(tmp_path / "none.json"))
    await asyncio.to_thread(wait_until, lambda: "no identity keys" in process.get_or_nothing("/readyz"), 20)


async def test_sigterm_tells_clients_when_to_come_back_and_ends_in_order(begin: Start, clients: Clients) -> None:
    process = begin()
    several = [await clients.signed_in(process, f"p{n}") for n in range(5)]
    idle = await clients.open(process)
    process.process.send_signal(signal.SIGTERM)
    for socket in (*several, idle):
        assert await socket.code() == 1012
        told = [frame["drain"]["retry_ms"] for frame in socket.frames if "drain" in frame]
        assert len(told) == 1
        assert 0 <= told[0] <= 500 + 6 * RETRY_PER_CLIENT_MS
    assert await asyncio.to_thread(process.stop) == 0
    assert [line["code"] for line in process.lines("socket_closed")] == [1012] * 6


async def test_a_client_that_does_not_even_close_does_not_keep_the_process(
    begin: Start, clients: Clients, issuer: Issuer
) -> None:
    process = begin(WS_DRAIN_S="1")
    with stalled_client(process, issuer.ticket("p-dead"), []):
        began = time.monotonic()
        assert await asyncio.to_thread(process.stop) == 0
        assert time.monotonic() - began < 8


async def test_a_client_that_stops_reading_is_shed_with_4008_and_others_hear_everything(
    steady: Process, clients: Clients, publish: Publisher, issuer: Issuer
) -> None:
    process, cycle = steady, fresh("cycle")
    reader = await clients.signed_in(process, "p-reads")
    await reader.subscribe(f"cycle:{cycle}")
    with stalled_client(process, issuer.ticket("p-stalls"), [f"cycle:{cycle}"]):
        await asyncio.to_thread(wait_until, lambda: process.metric("realtime_subscriptions") == 2)
        deadline, version = time.monotonic() + 15, 0
        while process.metric('realtime_closes_total{code="4008"}') < 1:
            assert time.monotonic() < deadline
            version += 1
            await publish.offers(cycle, *((f"offer-{n}", n, version) for n in range(200)))
            await reader.message(lambda m, version=version: m["v"] == version)
        assert process.metric("realtime_subscriptions") == 1
        await publish.offers(cycle, ("last", 1, 1))
        await reader.message(lambda m: m["d"]["offer_id"] == "last")


def masked(body: bytes, opcode: int = 0x81) -> bytes:
    """Frame a message as a client does, with a mask of zeros."""
    size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
    return bytes([opcode]) + size + bytes(4) + body


def stalled_client(process: Process, ticket: str, channels: list[str]) -> sockets.socket:
    """Sign in and subscribe by hand, and never read again."""
    client = sockets.socket()
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", process.ws_port))
    client.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {process.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: mercadito.v1\r\n\r\n".encode()
    )
    assert client.recv(4_096).startswith(b"HTTP/1.1 101")
    for frame in ({"auth": ticket}, *({"sub": [{"c": channel}]} for channel in channels)):
        client.sendall(masked(json.dumps(frame).encode()))
    return client

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from mercadito_events.service import health
from mercadito_events.service.health import HealthServer


async def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    servers: list[HealthServer] = []

    async def start(problems: Any = list) -> int:
        server = HealthServer(service="orders", host="127.0.0.1", port=0, problems=problems)
        await server.start()
        servers.append(server)
        return server.port

    yield start
    for server in servers:
        await server.stop()


async def test_a_ready_process_says_so_and_who_it_is(serve: Callable[..., Any]) -> None:
    head, body = await ask(await serve(), get("/readyz?x=1"))
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"X-Service: orders" in head
    assert json.loads(body) == {"service": "orders", "ready": True, "problems": []}


async def test_problems_make_it_unready_and_leave_it_alive(serve: Callable[..., Any]) -> None:
    async def problems() -> list[str]:
        return ["draining"]

    port = await serve(problems)
    head, body = await ask(port, get("/readyz"))
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["problems"] == ["draining"]
    assert (await ask(port, get("/healthz")))[1] == b"ok\n"


async def test_a_check_that_crashes_or_hangs_is_not_ready(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBLEMS_TIMEOUT_S", 0.1)

    def crash() -> list[str]:
        raise RuntimeError("secret detail")

    async def hang() -> list[str]:
        await asyncio.sleep(60)
        return []

    for problems in (crash, hang):
        head, body = await ask(await serve(problems), get("/readyz"))
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"secret" not in body


async def test_metrics_are_in_prometheus_form(serve: Callable[..., Any]) -> None:
    head, body = await ask(await serve(), get("/metrics"))
    assert b"text/plain" in head
    assert b"# TYPE python_info gauge" in body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/other"), b"404"),
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"405"),
        (b"\x00\xff\r\n\r\n", b"405"),
        (b"GET\r\n\r\n", b"404"),
    ],
)
async def test_other_requests_are_refused(serve: Callable[..., Any], request_: bytes, status: bytes) -> None:
    head, _ = await ask(await serve(), request_)
    assert head.split(b" ")[1] == status


async def test_slow_and_huge_requests_are_dropped_and_the_next_one_is_served(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "REQUEST_TIMEOUT_S", 0.2)
    port = await serve()
    assert (await ask(port, b"GET /healthz HTTP/1.1\r\n"))[0] == b""
    with pytest.raises(ConnectionError):  # noqa: PT012 - either write or read sees the hang-up
        head, _ = await ask(port, b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000)
        if not head:
            raise ConnectionError
    assert (await ask(port, get("/healthz")))[1] == b"ok\n"

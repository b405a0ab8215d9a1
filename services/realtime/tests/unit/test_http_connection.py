import asyncio
import contextlib

import pytest
from fastapi import FastAPI
from mercadito_events.testing import free_port
from realtime import http_connection
from realtime.app import HttpServer


async def test_half_a_request_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "HEAD_S", 0.2)
    app, port = FastAPI(), free_port()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.6)
        return "fine"

    server = HttpServer(app, "127.0.0.1", port, max_streams=10)
    running = asyncio.create_task(server.run_until_stopped())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    halves = [b"", b"G", b"GET /slow HTTP/1.1\r\n", b"GET /slow HTTP/1.1\r\nHost: x\r\nX: "]
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in [*halves, b"whole"]]
    for (_, writer), half in zip(connections, [*halves, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"], strict=True):
        writer.write(half)
    answers = []
    async with asyncio.timeout(5):
        for reader, _ in connections[:-1]:
            answers.append(await reader.read())
        answers.append(await connections[-1][0].readuntil(b'"fine"'))
    assert answers[:-1] == [b""] * len(halves)
    assert answers[-1].startswith(b"HTTP/1.1 200")
    for _, writer in connections:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    server.should_exit = True
    await running

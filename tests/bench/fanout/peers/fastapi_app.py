"""FastAPI on uvicorn, with its quickest WebSocket implementation and without compression.

usage: python -m tests.bench.fanout.peers.fastapi_app PORT CUE_PORT
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import uvicorn  # type: ignore[import-not-found]  # it is there where this runs
from fastapi import FastAPI, WebSocket, WebSocketDisconnect  # type: ignore[import-not-found]

from tests.bench.fanout.peers import cue
from tests.bench.fanout.peers.message import text

_connections: set[WebSocket] = set()


async def _broadcast() -> None:
    frame = text()
    for connection in list(_connections):
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await connection.send_text(frame)


@contextlib.asynccontextmanager
async def _life(_: FastAPI) -> AsyncIterator[None]:
    obeying = asyncio.create_task(cue.obey(int(sys.argv[2]), _broadcast))
    yield
    obeying.cancel()


app = FastAPI(lifespan=_life)


@app.websocket("/ws")  # type: ignore[misc, untyped-decorator, unused-ignore]
async def stay(connection: WebSocket) -> None:
    """Stay until the client goes."""
    await connection.accept()
    _connections.add(connection)
    try:
        while True:
            await connection.receive_text()
    except WebSocketDisconnect:
        _connections.discard(connection)


uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    ws="websockets-sansio",
    ws_per_message_deflate=False,
    loop="uvloop",
    backlog=4096,
    log_level="warning",
)

"""`websockets.broadcast()` on uvloop, without compression. usage: websockets_broadcast.py PORT CUE_PORT."""

import asyncio
import sys

import cue
import uvloop  # type: ignore[import-not-found]  # it is there where this runs
from message import text
from websockets.asyncio.server import ServerConnection, broadcast, serve

_connections: set[ServerConnection] = set()


async def _stay(connection: ServerConnection) -> None:
    _connections.add(connection)
    try:
        await connection.wait_closed()
    finally:
        _connections.discard(connection)


async def _broadcast() -> None:
    broadcast(_connections, text())


async def main() -> None:
    """Serve."""
    async with serve(_stay, "127.0.0.1", int(sys.argv[1]), compression=None, backlog=4096):
        await asyncio.gather(cue.obey(int(sys.argv[2]), _broadcast))


uvloop.run(main())

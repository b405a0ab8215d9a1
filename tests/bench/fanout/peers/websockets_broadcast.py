"""`websockets.broadcast()` on uvloop, without compression.

usage: python -m tests.bench.fanout.peers.websockets_broadcast PORT CUE_PORT
"""

import asyncio
import sys

import uvloop  # type: ignore[import-not-found]  # it is there where this runs
from websockets.asyncio.server import ServerConnection, broadcast, serve

from tests.bench.fanout.peers import cue
from tests.bench.fanout.peers.message import text

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

"""The floor: one write(2) of a ready frame for each client, and nothing else.

usage: python -m tests.bench.fanout.peers.floor PORT CUE_PORT
"""

import asyncio
import base64
import hashlib
import os
import struct
import sys

import uvloop  # type: ignore[import-not-found]  # it is there where this runs

from tests.bench.fanout.peers import cue
from tests.bench.fanout.peers.message import text

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = b"sec-websocket-key: "
_ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
_LONGEST_SHORT = 126
_sockets: dict[asyncio.StreamWriter, int] = {}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept the upgrade, and read nothing after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    key = next(line[len(_KEY) :] for line in head if line.lower().startswith(_KEY))
    writer.write(_ANSWER + base64.b64encode(hashlib.sha1(key + _GUID).digest()) + b"\r\n\r\n")
    _sockets[writer] = writer.get_extra_info("socket").fileno()
    await reader.read()
    del _sockets[writer]


async def broadcast() -> None:
    """Write."""
    body = text().encode()
    frame = struct.pack("!BBH", 0x81, _LONGEST_SHORT, len(body)) + body
    for number in _sockets.values():
        os.write(number, frame)


async def main() -> None:
    """Serve."""
    await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await cue.obey(int(sys.argv[2]), broadcast)


uvloop.run(main())

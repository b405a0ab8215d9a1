"""An SMTP server that takes everything, as fast as it can or after a pause, and notes when and for whom.

usage: python sink.py PORT PAUSE_S FILE; each accepted message is a line of FILE: seconds of the monotonic clock, its
recipient. It imports nothing of ours, so that it weighs little beside what is measured.
"""

import asyncio
import sys
import time
from typing import TextIO

END = b"\r\n.\r\n"
ANSWERS = {
    b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"MAIL": b"250 ok\r\n",
    b"RCPT": b"250 ok\r\n",
    b"RSET": b"250 ok\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Dialogue(asyncio.Protocol):
    """One connection; commands that come at once are answered at once, as RFC 2920 has it."""

    def __init__(self, pause_s: float, file: TextIO) -> None:
        self._pause_s, self._file = pause_s, file
        self._received = bytearray()
        self._in_body = self._leaves = False
        self._answers = bytearray()
        self._recipient = ""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._received += data
        while self._step():
            pass
        if self._answers:
            self._transport.write(bytes(self._answers))
            self._answers.clear()
        if self._leaves:
            self._transport.close()

    def _step(self) -> bool:
        mark = END if self._in_body else b"\r\n"
        # The end of a body stands in its last bytes, and a body comes in many pieces.
        at = self._received.find(mark, max(0, len(self._received) - 70_000))
        if at < 0:
            return False
        line = bytes(self._received[:at])
        del self._received[: at + len(mark)]
        if self._in_body:
            self._in_body = False
            asyncio.get_running_loop().call_later(self._pause_s, self._take)
            return bool(self._received)
        verb = line[:4].upper()
        self._in_body = verb == b"DATA"
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        self._answers += ANSWERS.get(verb, b"502 what?\r\n")
        self._leaves = verb == b"QUIT"
        return bool(self._received)

    def _take(self) -> None:
        self._file.write(f"{time.monotonic():.6f} {self._recipient}\n")
        self._transport.write(b"250 taken\r\n")


async def main() -> None:
    """Serve until told to end."""
    port, pause_s = int(sys.argv[1]), float(sys.argv[2])
    with open(sys.argv[3], "a", buffering=1) as file:  # noqa: ASYNC230, PTH123 - line by line, before anything runs
        server = await asyncio.get_running_loop().create_server(lambda: Dialogue(pause_s, file), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

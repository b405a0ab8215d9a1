"""A service that goes away and comes back in no time, with so many workers, that remembers whom it saw."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.driver.ports import free_port

_BACKLOG = 4096


@dataclass(frozen=True)
class Seen:
    """A request that arrived: when, and whose."""

    at: float
    id: str


@dataclass
class Listener:
    """It listens or it does not. What is above `workers` waits inside, as in a server with a backlog."""

    work_s: float = 0.0
    workers: int = 1_000_000
    name: str = "orders"
    port: int = field(default_factory=free_port)
    seen: list[Seen] = field(default_factory=list)
    now: int = 0
    most: int = 0
    opened_at: float = 0.0
    arrived: Callable[[Seen], None] = lambda _: None
    _server: asyncio.Server | None = None
    _open: set["_Connection"] = field(default_factory=set)
    _busy: int = 0
    _waiting: deque[Callable[[], None]] = field(default_factory=deque)

    async def open(self) -> None:
        """Listen, ready from this moment."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, backlog=_BACKLOG, reuse_address=True
        )
        self.opened_at = time.monotonic()

    def close(self) -> None:
        """Be gone, with all connections."""
        if self._server:
            self._server.close()
            self._server = None
        for connection in list(self._open):
            connection.abort()
        self._open.clear()
        self._waiting.clear()
        self._busy = self.now = 0

    def begin(self, bench_id: str, answer: Callable[[], None]) -> None:
        """Work on a request; another one's turn comes when a worker is free."""
        seen = Seen(time.monotonic(), bench_id)
        self.seen.append(seen)
        self.arrived(seen)
        self.now += 1
        self.most = max(self.most, self.now)
        if self._busy < self.workers:
            self._work(answer)
        else:
            self._waiting.append(lambda: self._work(answer))

    def _work(self, answer: Callable[[], None]) -> None:
        self._busy += 1
        asyncio.get_running_loop().call_later(self.work_s, self._done, answer, self._server)

    def _done(self, answer: Callable[[], None], server: asyncio.Server | None) -> None:
        if server is not self._server:
            return  # it has been away since
        self._busy -= 1
        self.now -= 1
        answer()
        if self._waiting:
            self._waiting.popleft()()


class _Connection(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._listener._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener._open.discard(self)
        self._transport = None

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, rest = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._got = rest[length:]
        last = headers.get("connection", "").lower() == "close"
        if lines[0].split(" ")[1] == "/readyz":
            self._answer(b"ready", last=last)
        else:
            bench_id = headers.get("x-bench-id", "")
            self._listener.begin(bench_id, lambda: self._answer(bench_id.encode(), last=last))

    def _answer(self, body: bytes, *, last: bool) -> None:
        if self._transport:
            head = f"HTTP/1.1 200 OK\r\nX-Service: {self._listener.name}\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)
            if last:
                self._transport.close()

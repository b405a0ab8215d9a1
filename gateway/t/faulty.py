"""A service that fails on command: it answers /readyz honestly or not, and each request as its script says."""

import contextlib
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

RST_ON_CLOSE = struct.pack("ii", 1, 0)
FULL_AFTER_S = 0.1


@dataclass
class Request:
    """One request as the service read it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    version: str = "HTTP/1.1"
    connection: int = 0
    """Which of the service's connections it came on."""
    refused: bool = False
    """Whether the service said that it did nothing."""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def first(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


Behaviour = Callable[[socket.socket, Request], bool]


def reset(connection: socket.socket, _: Request) -> bool:
    """Read the request, then break the connection with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    return False


def finish(_: socket.socket, __: Request) -> bool:
    """Read the request, then close without a word."""
    return False


def half_a_head(connection: socket.socket, _: Request) -> bool:
    """Break off in the middle of the answer's head."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Serv")
    return False


def not_processed(connection: socket.socket, request: Request) -> bool:
    """Say that the request was refused unread."""
    request.refused = True
    connection.sendall(b"HTTP/1.1 503 Busy\r\nX-Gateway-Not-Processed: 1\r\nContent-Length: 0\r\n\r\n")
    return True


def in_doubt(connection: socket.socket, _: Request) -> bool:
    """Say that nobody can tell whether it was done: the database went away while it committed."""
    connection.sendall(b"HTTP/1.1 503 Busy\r\nX-Gateway-Outcome: unknown\r\nContent-Length: 0\r\n\r\n")
    return True


def answer(status: int, body: bytes = b"", *headers: str) -> Behaviour:
    def behave(connection: socket.socket, _: Request) -> bool:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return True

    return behave


def until(event: threading.Event, then: Behaviour) -> Behaviour:
    """Hang until `event`, then behave."""

    def behave(connection: socket.socket, request: Request) -> bool:
        event.wait(30)
        return then(connection, request)

    return behave


def upgrade(connection: socket.socket, _: Request) -> bool:
    """Switch protocols and greet."""
    connection.sendall(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi")
    connection.settimeout(30)
    with contextlib.suppress(OSError):
        connection.recv(1)
    return False


@dataclass
class Service:
    """Listens on a port of its own from `start` on; `seen` is what it executed, /readyz aside."""

    name: str
    port: int
    ready: bool = True
    shown_name: str | None = None
    script: deque[Behaviour] = field(default_factory=deque)
    default: Behaviour = field(default_factory=lambda: answer(200, b"done"))
    """What it does when nothing is left of the script."""
    seen: list[Request] = field(default_factory=list)
    strays: list[bytes] = field(default_factory=list)
    """Lines that came where a request should begin and are none."""
    host: str = "127.0.0.1"
    accepted: int = 0
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _idle: set[socket.socket] = field(default_factory=set)
    _fillers: list[socket.socket] = field(default_factory=list)
    _accepting: threading.Thread | None = None
    _wake: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def listens(self) -> bool:
        return self._listener is not None

    @property
    def frozen(self) -> bool:
        return self.listens and self._accepting is None

    def bind(self) -> socket.socket:
        """Listen without accepting: what connects now waits in the kernel's backlog."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(512)
        self._listener = listener
        return listener

    def start(self) -> "Service":
        listener = self._listener or self.bind()
        self._wake, wake = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, args=(listener, wake), daemon=True)
        self._accepting.start()
        return self

    def freeze(self) -> None:
        """Stop accepting but go on listening; `stop` then resets what waits in the backlog, unread."""
        if self._accepting and self._wake:
            self._wake.close()
            self._accepting.join()
            self._accepting = self._wake = None

    def swallow(self) -> None:
        """Answer no SYN any more, as a machine that vanished: a frozen listener whose backlog is full."""
        self.freeze()
        assert self._listener
        self._listener.listen(0)
        while _connects(filler := socket.socket(), (self.host, self.port)):
            self._fillers.append(filler)
        self._fillers.append(filler)

    def stop(self) -> None:
        """Close the listener and every connection, as a killed process would."""
        listener, self._listener = self._listener, None
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.freeze()
        while self._fillers:
            self._fillers.pop().close()
        with self._lock:
            _shut(self._open)

    @property
    def idle(self) -> int:
        """How many connections wait for their next request."""
        return len(self._idle)

    def close_idle(self) -> None:
        """Close the connections on which no request is under way, as servers do when they stop."""
        with self._lock:
            _shut(self._idle)

    def executed(self, path: str) -> int:
        return sum(request.path == path for request in self.seen)

    def ran(self, path: str) -> int:
        """Return how often it did something for a path: what it refused unread does not count."""
        return sum(request.path == path and not request.refused for request in self.seen)

    def _accept(self, listener: socket.socket, wake: socket.socket) -> None:
        ready = select.poll()
        ready.register(listener, select.POLLIN)
        ready.register(wake, select.POLLIN)
        with contextlib.suppress(OSError), wake:
            while wake.fileno() not in [number for number, _ in ready.poll()]:
                connection, _ = listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(connection, self.accepted), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(connection)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while (request := self._next(connection, reader)) and self._handle(connection, request, number):
                pass
        with self._lock:
            self._open.discard(connection)

    def _next(self, connection: socket.socket, reader: BinaryIO) -> Request | None:
        with self._lock:
            self._idle.add(connection)
        try:
            line = reader.readline()
        finally:
            with self._lock:
                self._idle.discard(connection)
        request = _read(line, reader)
        if line and not request:
            self.strays.append(line)
        return request

    def _handle(self, connection: socket.socket, request: Request, number: int) -> bool:
        if request.path == "/readyz":
            shown = f"X-Service: {self.shown_name or self.name}"
            return answer(200 if self.ready else 503, b"", shown)(connection, request)
        request.connection = number
        with self._lock:
            self.seen.append(request)
            behave = self.script.popleft() if self.script else self.default
        return behave(connection, request)


def _connects(connection: socket.socket, address: tuple[str, int]) -> bool:
    connection.settimeout(FULL_AFTER_S)
    try:
        connection.connect(address)
    except TimeoutError:
        return False
    return True


def _shut(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _read(first: bytes, reader: BinaryIO) -> Request | None:
    line = first.decode("latin-1").split()
    if len(line) != 3:
        return None
    headers = []
    while (raw := reader.readline()) not in (b"\r\n", b""):
        key, _, value = raw.decode("latin-1").partition(":")
        headers.append((key, value.strip()))
    request = Request(line[0], line[1], headers, b"", line[2])
    length = int(request.first("Content-Length") or 0)
    request.body = reader.read(length)
    if len(request.body) < length:
        raise ConnectionError("the body was cut off: nobody would execute that")
    return request

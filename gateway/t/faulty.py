"""A service that fails on command: it answers /readyz honestly or not, and each request as its script says."""

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Request:
    """One request as the service read it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

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


def not_processed(connection: socket.socket, _: Request) -> bool:
    """Say that the request was refused unread."""
    connection.sendall(b"HTTP/1.1 503 Busy\r\nX-Gateway-Not-Processed: 1\r\nContent-Length: 0\r\n\r\n")
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
    seen: list[Request] = field(default_factory=list)
    host: str = "127.0.0.1"
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def listens(self) -> bool:
        return self._listener is not None

    def bind(self) -> socket.socket:
        """Listen without accepting: what connects now waits in the kernel's backlog."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(512)
        self._listener = listener
        return listener

    def start(self) -> "Service":
        threading.Thread(target=self._accept, args=(self._listener or self.bind(),), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the listener and every connection, as a killed process would."""
        listener, self._listener = self._listener, None
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def executed(self, path: str) -> int:
        return sum(request.path == path for request in self.seen)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while (request := _read(reader)) and self._handle(connection, request):
                pass
        with self._lock:
            self._open.discard(connection)

    def _handle(self, connection: socket.socket, request: Request) -> bool:
        if request.path == "/readyz":
            shown = f"X-Service: {self.shown_name or self.name}"
            return answer(200 if self.ready else 503, b"", shown)(connection, request)
        with self._lock:
            self.seen.append(request)
            behave = self.script.popleft() if self.script else answer(200, b"done")
        return behave(connection, request)


def _read(reader) -> Request | None:  # noqa: ANN001 - BufferedReader or what makefile gives
    line = reader.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers = []
    while (raw := reader.readline()) not in (b"\r\n", b""):
        key, _, value = raw.decode("latin-1").partition(":")
        headers.append((key, value.strip()))
    request = Request(line[0], line[1], headers, b"")
    request.body = reader.read(int(request.first("Content-Length") or 0))
    return request

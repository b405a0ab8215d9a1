"""The listener of ``/ws``: upgrades, one task per client, and the drain at the end."""

import asyncio
import http
import logging
import random
import socket
import time
from collections.abc import Callable, Sequence

import structlog
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from realtime import handshake
from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.protocol import MAX_FRAME_BYTES, SUBPROTOCOL, Close
from realtime.session import OUT_BUFFER_BYTES, Session
from realtime.sessions import Sessions
from realtime.settings import Settings
from realtime.tickets import Tickets

OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 5.0
IN_FRAMES = 4
"""So many frames of a client wait here; then its socket is not read until they were obeyed."""

SEND_BUFFER_BYTES = 64 * 1024
"""What the kernel may hold for a client; small, so that a slow one is noticed here."""

BACKLOG = 1_024
SWEEP_S = 0.5
FORGET_S = 30.0
DRAINED_POLL_S = 0.01
DRAIN_BATCH = 250
DRAIN_PAUSE_S = 0.25
RETRY_PER_CLIENT_MS = 2
"""Told to come back spread over 2 ms a client: 500 a second."""

MIN_RETRY_MS = 500
ABNORMAL = 1006

_log = structlog.get_logger(__name__)


class WebSocketOutlet:
    """A session's way to its client over a websockets connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._closing: asyncio.Task[None] | None = None

    def send(self, frame: bytes) -> None:
        # The library's own way to write without waiting; it skips connections that are closing.
        broadcast([self._connection], frame, text=True)

    def close(self, code: int, reason: str) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    def abort(self) -> None:
        self._connection.transport.abort()

    def buffered(self) -> int:
        return self._connection.transport.get_write_buffer_size()

    async def drained(self) -> None:
        while self.buffered() > OUT_BUFFER_BYTES // 2 and self._closing is None:  # noqa: ASYNC110 - nothing tells of levels
            await asyncio.sleep(DRAINED_POLL_S)

    async def closed(self) -> None:
        """Wait for the end of a close that was begun."""
        if self._closing is not None:
            await self._closing

    async def _close(self, code: int, reason: str) -> None:
        # close() first waits for the client to read what is buffered, which one that stopped reading never does.
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close(code, reason)
        except TimeoutError:
            self.abort()


class SocketServer:
    """Listens for clients; ``problems`` is asked at each upgrade, and while there are any, clients are sent away."""

    def __init__(
        self, settings: Settings, *, hub: Hub, tickets: Tickets, metrics: Metrics, problems: Callable[[], Sequence[str]]
    ) -> None:
        self._settings, self._hub, self._tickets, self._metrics = settings, hub, tickets, metrics
        self._problems = problems
        self.sessions = Sessions(settings.bounds)
        self._server: Server | None = None

    async def start(self) -> None:
        """Listen. A second process may listen on the same port (SO_REUSEPORT): the kernel shares clients out."""
        logging.getLogger("websockets").setLevel(logging.CRITICAL)  # strangers must not be able to fill the log
        self._server = await serve(
            self._serve,
            sock=_listener(self._settings.ws_host, self._settings.ws_port),
            process_request=self._admit,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            select_subprotocol=_only_ours,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            max_queue=IN_FRAMES,
            ping_interval=None,  # browsers can't see protocol pings; the session sends its own
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            server_header=None,
            backlog=BACKLOG,
        )

    async def sweep(self) -> None:
        """For ever, see to what is due: for each session twice a second, for the hub less often."""
        forget_at = time.monotonic() + FORGET_S
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for session in self.sessions:
                session.check(now)
            if now >= forget_at:
                forget_at = now + FORGET_S
                self._hub.sweep()

    async def drain(self) -> None:
        """Take no more clients, and ask those here, some at a time, to come back later: each at its own time."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        deadline = time.monotonic() + self._settings.drain_s
        spread_ms = max(MIN_RETRY_MS, len(self.sessions) * RETRY_PER_CLIENT_MS)
        for number, session in enumerate(self.sessions, start=1):
            session.drain(random.randint(0, spread_ms))
            if number % DRAIN_BATCH == 0:
                await asyncio.sleep(DRAIN_PAUSE_S)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._server.wait_closed()
        except TimeoutError:
            for session in self.sessions:
                session.abort()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if handshake.path_of(request.path) != handshake.PATH:
            return self._turn_away(connection, http.HTTPStatus.NOT_FOUND, "not-found")
        if not handshake.may_come_from(request.headers, self._settings.allowed_origins):
            return self._turn_away(connection, http.HTTPStatus.FORBIDDEN, "origin")
        if self._problems() or self.sessions.is_full:
            response = self._turn_away(connection, http.HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")
            response.headers["Retry-After"] = "1"
            response.headers["X-Gateway-Not-Processed"] = "1"  # the gateway may hold the upgrade and try again
            return response
        return None

    def _turn_away(self, connection: ServerConnection, status: http.HTTPStatus, reason: str) -> Response:
        self._metrics.refusals.labels(reason).inc()
        return connection.respond(status, f"{status.phrase}\n")

    async def _serve(self, connection: ServerConnection) -> None:
        outlet = WebSocketOutlet(connection)
        headers = connection.request.headers if connection.request else Headers()
        session = Session(
            outlet,
            hub=self._hub,
            tickets=self._tickets,
            claim=self.sessions.claim,
            address=handshake.address_of(headers, connection.remote_address),
            ping_s=self._settings.ping_s,
        )
        log = _log.bind(session=session.id, request_id=handshake.request_id_of(headers))
        log.info("socket_opened")
        opened_at = time.monotonic()
        try:
            if not self.sessions.enter(session):
                session.close(Close.TOO_MANY, "too many connections from this address")
            await _converse(connection, session)
        finally:
            self.sessions.leave(session)
            session.leave()
            await outlet.closed()
            code = session.closed_with or connection.close_code or ABNORMAL
            self._metrics.closes.labels(_code_label(code)).inc()
            person_id = session.identity.person_id if session.identity else None
            open_s = round(time.monotonic() - opened_at, 3)
            log.info("socket_closed", code=code, person_id=person_id, open_s=open_s)


async def _converse(connection: ServerConnection, session: Session) -> None:
    try:
        async for message in connection:
            await session.receive(message)
    except ConnectionClosed:
        pass  # without a closing handshake, or with an error that websockets has answered (1007, 1009)
    except Exception:  # noqa: BLE001 - the outermost frame of a client: whatever it is, the others go on
        _log.exception("session_failed", session=session.id)
        session.close(1011, "internal error")


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _only_ours(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol:
    if SUBPROTOCOL not in offered:
        raise NegotiationError(f"this speaks {SUBPROTOCOL}")  # answered with 400
    return Subprotocol(SUBPROTOCOL)


def _code_label(code: int) -> str:
    """Clients choose their close code freely: only codes with a meaning here become a time series."""
    return str(code) if code in _KNOWN_CODES else "other"


_KNOWN_CODES = {1000, 1001, 1006, 1007, 1009, 1011, *Close}

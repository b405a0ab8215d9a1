"""The listener of ``/ws``: who is let in, what is due for whom, and the drain at the end."""

import asyncio
import http
import logging
import random
import resource
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from realtime import deflate, handshake
from realtime.hub import Hub
from realtime.listener import listen
from realtime.metrics import Metrics
from realtime.outlet import WebSocket
from realtime.protocol import MAX_FRAME_BYTES, SUBPROTOCOL, Close
from realtime.session import Session
from realtime.sessions import Sessions
from realtime.settings import Settings
from realtime.subscriber import Archive
from realtime.tickets import Tickets
from realtime.timers import SLOT_S

OPEN_TIMEOUT_S = 5.0
READ_BUFFER_BYTES = 1_024
"""What picows sets aside for a client's frames; it grows up to ``MAX_FRAME_BYTES`` for those who say more at once."""

BACKLOG = 4_096
OTHER_FILES = 256
"""What a process opens besides its clients' sockets."""

FORGET_S = 30.0
DRAIN_BATCH = 250
DRAIN_PAUSE_S = 0.1
RETRY_PER_CLIENT_MS = 3
"""Told to come back spread over 3 ms a client: 333 a second for each process that drains."""

MIN_RETRY_MS = 500
RESTART_MS = 3_000
"""When a process ends, so long a crowd's return waits for the next one (few clients come at once: they can be held)."""

DRAINED_POLL_S = 0.05

_log = structlog.get_logger(__name__)


class SocketServer:
    """Listens for clients; ``problems`` is asked at each upgrade, and while there are any, clients are sent away."""

    def __init__(
        self,
        settings: Settings,
        *,
        sessions: Sessions,
        hub: Hub,
        archive: Archive,
        tickets: Tickets,
        metrics: Metrics,
        problems: Callable[[], Sequence[str]],
    ) -> None:
        self._settings, self._hub, self._archive = settings, hub, archive
        self._tickets, self._metrics = tickets, metrics
        self._problems = problems
        self.sessions = sessions
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. A second process may listen on the same port (SO_REUSEPORT): the kernel shares clients out."""
        _allow_files(self._settings.bounds.connections)
        quiet = logging.getLogger("picows.server")
        quiet.setLevel(logging.CRITICAL)  # strangers must not be able to fill the log
        self._server = await ws_create_server(
            self._admit,
            sock=listen(self._settings.ws_host, self._settings.ws_port),
            max_frame_size=MAX_FRAME_BYTES,
            read_buffer_init_size=READ_BUFFER_BYTES,
            websocket_handshake_timeout=OPEN_TIMEOUT_S,
            # picows gives each connection a logger of its own (1.5 kB), but not when it is handed an adapter.
            logger_name=logging.LoggerAdapter(quiet),
            backlog=BACKLOG,
            use_aiofastnet=False,  # its transports weigh 6 kB more than uvloop's, and picows sends past both
        )

    async def sweep(self) -> None:
        """For ever, see to what is due: for sessions twice a second, for the hub less often."""
        forget_at = time.monotonic() + FORGET_S
        while True:
            await asyncio.sleep(SLOT_S)
            now = time.monotonic()
            self.sessions.check(now)
            if now >= forget_at:
                forget_at = now + FORGET_S
                self._hub.sweep()

    async def drain(self) -> None:
        """Take no more clients, and ask those here, some at a time, to come back later: each at its own time."""
        if self._server is None:
            return
        self._server.close()
        deadline = time.monotonic() + self._settings.drain_s
        await self.move(min(RESTART_MS, len(self.sessions) * RETRY_PER_CLIENT_MS))
        while self.sessions and time.monotonic() < deadline:  # noqa: ASYNC110 - sessions end by themselves
            await asyncio.sleep(DRAINED_POLL_S)
        for session in self.sessions:
            session.abort()

    async def move(self, away_ms: int = 0) -> None:
        """Ask everyone, in batches, to come back: spread over a time that begins ``away_ms`` after the last batch."""
        clients = len(self.sessions)
        spread_ms = max(MIN_RETRY_MS, clients * RETRY_PER_CLIENT_MS)
        begins = time.monotonic() + (clients - 1) // DRAIN_BATCH * DRAIN_PAUSE_S + away_ms / 1_000
        for number, session in enumerate(self.sessions, start=1):
            until_then_ms = max(0, round((begins - time.monotonic()) * 1_000))
            session.drain(until_then_ms + random.randint(0, spread_ms))
            self._metrics.drains.inc()
            if number % DRAIN_BATCH == 0:
                await asyncio.sleep(DRAIN_PAUSE_S)

    def _admit(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        target = request.path.decode("latin-1")
        if handshake.path_of(target) != handshake.PATH:
            return self._turn_away(http.HTTPStatus.NOT_FOUND, "not-found")
        if not handshake.may_come_from(request.headers, self._settings.allowed_origins):
            return self._turn_away(http.HTTPStatus.FORBIDDEN, "origin")
        if not handshake.speaks_ours(request.headers):
            return self._turn_away(http.HTTPStatus.BAD_REQUEST, "subprotocol")
        if not handshake.speaks_version(request.headers):
            return self._turn_away(
                http.HTTPStatus.UPGRADE_REQUIRED, "version", {"Sec-WebSocket-Version": handshake.VERSION}
            )
        if self._problems() or self.sessions.is_full:
            return self._turn_away(http.HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", handshake.NOT_NOW)
        told = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        extension = deflate.negotiate(request.headers.getall("Sec-WebSocket-Extensions", []))
        if extension is not None:
            told["Sec-WebSocket-Extensions"] = extension
        websocket = WebSocket(request.headers, compresses=extension is not None, opened=self._opened, ended=self._ended)
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(told), websocket)

    def _turn_away(
        self, status: http.HTTPStatus, reason: str, headers: Mapping[str, str] | None = None
    ) -> WSUpgradeResponseWithListener:
        self._metrics.refusals.labels(reason).inc()
        told = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
        response = WSUpgradeResponse.create_error_response(status, f"{status.phrase}\n".encode(), told)
        return WSUpgradeResponseWithListener(response, None)

    def _opened(self, websocket: WebSocket, address: str) -> Session:
        session = Session(
            websocket,
            hub=self._hub,
            archive=self._archive,
            tickets=self._tickets,
            claim=self._claim,
            due_changed=self.sessions.due_changed,
            address=address,
            ping_s=self._settings.ping_s,
        )
        if not self.sessions.enter(session):
            session.close(Close.TOO_MANY, "too many connections from this address")
        return session

    def _claim(self, session: Session, person_id: str) -> bool:
        if not self.sessions.claim(session, person_id):
            return False
        self._metrics.handshake_s.observe(time.monotonic() - session.opened_at)
        return True

    def _ended(self, session: Session, code: int, request_id: str | None) -> None:
        self.sessions.leave(session)
        session.leave()
        if session.closed_with == Close.TOO_SLOW:
            self._metrics.slow_evictions.inc()
        self._metrics.closes.labels(_code_label(code)).inc()
        person_id = session.identity.person_id if session.identity else None
        open_s = round(time.monotonic() - session.opened_at, 3)
        _log.info(
            "socket_closed", session=session.id, request_id=request_id, code=code, person_id=person_id, open_s=open_s
        )


def _allow_files(connections: int) -> None:
    """Raise the soft limit on open files as far as so many sockets need it and the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
        if allowed < wanted:
            _log.warning("files_limited", open_files=hard, connections=connections)


def _code_label(code: int) -> str:
    """Clients choose their close code freely: only codes with a meaning here become a time series."""
    return str(code) if code in _KNOWN_CODES else "other"


_KNOWN_CODES = {1001, 1006, *Close}

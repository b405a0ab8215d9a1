"""``GET /sse``: who may have a stream of which channels, and the answer that is one."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.security import APIKeyCookie, HTTPBearer
from mercadito_events.service.identity import Identity, Unauthenticated
from starlette.types import Receive, Scope, Send

from realtime import channels, handshake
from realtime.event_stream import EventStream
from realtime.handshake import FewHeaders
from realtime.http_connection import Connection, connection_of
from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.problems import MEDIA_TYPE, SCHEMA, Problem
from realtime.protocol import MAX_CHANNELS_PER_CLIENT, MAX_EPOCH_CHARS, MAX_OFFSET, Close, Position, Wish
from realtime.sessions import Sessions
from realtime.settings import Settings
from realtime.subscriber import Archive
from realtime.tickets import COOKIE, TICKET, Tickets

COOKIE_NAME = "mercadito_id"
PUBLIC = ["prices"]
"""What may be watched without signing in, and then nothing else."""

MAX_ID_CHARS = 4_096
RETRY_AFTER_S = 5
NOWHERE = Position("", 0)
"""No stream has such an incarnation, so the answer is ``recovered: false``."""

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mercadito"'}
_POSITION = re.compile(rf"([^\s:,]{{1,{MAX_EPOCH_CHARS}}}):([0-9]{{1,19}})", re.ASCII)
_PROBLEM: dict[str, Any] = {"content": {MEDIA_TYPE: {"schema": SCHEMA}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until the client leaves, the identity ends, or the service restarts. The data of each is"
        " a frame of the AsyncAPI document beside this one; its id is each channel's epoch:offset, in the order of c.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    400: {"description": "Too many channels, or one that can't be.", **_PROBLEM},
    401: {"description": "Not signed in, and more than prices was asked for; or a wrong ticket.", **_PROBLEM},
    403: {"description": "A channel that this person may not watch, or a page of another origin.", **_PROBLEM},
    422: {"description": "No c, or a since that is no time.", **_PROBLEM},
    429: {"description": "Too many connections of this person or address; Retry-After.", **_PROBLEM},
    503: {"description": "Starting, draining or full; Retry-After.", **_PROBLEM},
}
# They tell the OpenAPI document how to sign in; Streams.open looks at both itself.
_WAYS_IN = [
    Depends(
        HTTPBearer(scheme_name="ticket", description="A ticket of POST /api/v1/realtime-tickets.", auto_error=False)
    ),
    Depends(APIKeyCookie(name=COOKIE_NAME, scheme_name="identity", auto_error=False)),
]
_log = structlog.get_logger(__name__)


class Streams:
    """Makes streams for those who may have them; bounds and drains are those of the sockets, in ``sessions``."""

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
        self._settings, self._sessions, self._hub, self._archive = settings, sessions, hub, archive
        self._tickets, self._metrics, self._problems = tickets, metrics, problems

    def open(self, request: Request, names: Sequence[str], wishes: Sequence[Wish]) -> Response:
        """Return the answer that streams.

        Raises:
            Problem: this request may not have one.

        """
        headers = FewHeaders(request.scope["headers"])
        if not handshake.may_come_from(headers, self._settings.allowed_origins):
            raise self._refused("origin", Problem(403, "Streams are for pages of this origin."))
        if self._problems() or self._sessions.is_full:
            raise self._refused("unavailable", Problem(503, "Not now; come back.", headers=handshake.NOT_NOW))
        identity = self._identify(request, names)
        for name in names:
            self._check_right(identity, name)
        connection = connection_of(request)
        stream = EventStream(
            connection.transport,
            hub=self._hub,
            archive=self._archive,
            tickets=self._tickets,
            identity=identity,
            due_changed=self._sessions.due_changed,
            address=handshake.address_of(headers, request.client),
            ping_s=self._settings.ping_s,
        )
        self._enter(stream, identity)
        return _Stream(stream, wishes, connection, lambda: self._ended(stream, handshake.request_id_of(headers)))

    def _identify(self, request: Request, names: Sequence[str]) -> Identity | None:
        """Say who asks: by a ticket, which must be good, or by the cookie, which a public channel does not need."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(COOKIE_NAME)
        try:
            if scheme:
                return self._tickets.identify(given.strip() if scheme.lower() == "bearer" else "", TICKET)
            if cookie:
                return self._tickets.identify(cookie, COOKIE)
        except Unauthenticated as refusal:
            if scheme or list(names) != PUBLIC:
                raise self._refused(
                    "unauthenticated", Problem(401, f"{refusal}.".capitalize(), headers=_CHALLENGE)
                ) from None
        if list(names) != PUBLIC:
            raise self._refused(
                "unauthenticated", Problem(401, "Sign in to watch more than prices.", headers=_CHALLENGE)
            )
        return None

    def _check_right(self, identity: Identity | None, name: str) -> None:
        channel = channels.parse(name)
        if channel is None:
            raise self._refused("unknown-channel", Problem(400, "There can be no such channel.", c=name[:80]))
        if identity is not None and not channels.may_watch(identity, channel):
            raise self._refused("forbidden", Problem(403, "You may not watch this channel.", c=name))

    def _enter(self, stream: EventStream, identity: Identity | None) -> None:
        refusal = None
        if not self._sessions.enter(stream):
            refusal = "Too many connections from this address."
        elif identity is not None and not self._sessions.claim(stream, identity.person_id):
            refusal = "Too many connections of this person."
        if refusal is not None:
            self._sessions.leave(stream)
            later = {"Retry-After": str(RETRY_AFTER_S)}
            raise self._refused("too-many", Problem(429, refusal, headers=later))
        self._metrics.handshake_s.observe(time.monotonic() - stream.opened_at)

    def _ended(self, stream: EventStream, request_id: str | None) -> None:
        self._sessions.leave(stream)
        stream.gone()
        code = stream.closed_with
        if code == Close.TOO_SLOW:
            self._metrics.slow_evictions.inc()
        self._metrics.closes.labels(str(code)).inc()
        person_id = stream.identity.person_id if stream.identity else None
        open_s = round(time.monotonic() - stream.opened_at, 3)
        _log.info(
            "stream_closed", session=stream.id, request_id=request_id, code=code, person_id=person_id, open_s=open_s
        )

    def _refused(self, reason: str, problem: Problem) -> Problem:
        self._metrics.refusals.labels(reason).inc()
        return problem


class _Stream(Response):
    """An answer that goes on until its stream ends."""

    media_type = "text/event-stream"

    def __init__(
        self, stream: EventStream, wishes: Sequence[Wish], connection: Connection, ended: Callable[[], None]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"})
        del self.headers["content-length"]
        self._stream, self._wishes, self._connection, self._ended = stream, wishes, connection, ended

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        async def write(events: bytes) -> None:
            await send({"type": "http.response.body", "body": events, "more_body": True})

        self._connection.on_lost = self._stream.gone
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not self._connection.transport.is_closing():
                await self._stream.run(self._wishes, write)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._connection.on_lost = None
            self._ended()


def router(streams: Streams) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["streams"])

    @routes.get(
        "/sse",
        response_class=Response,
        responses=_RESPONSES,
        dependencies=_WAYS_IN,
        operation_id="watch",
        summary="Watch",
    )
    async def sse(
        request: Request,
        c: Annotated[list[str], Query(description="A channel to watch; repeated for more, up to 32.")],
        since: Annotated[
            int | None, Query(ge=0, lt=MAX_OFFSET, description="Unix ms: what happened since then comes first.")
        ] = None,
        last_event_id: Annotated[str, Header(description="The id of the last event seen; before since.")] = "",
    ) -> Response:
        """Stream what happens on channels, as the WebSocket would tell it."""
        names = list(dict.fromkeys(c))
        if len(names) > MAX_CHANNELS_PER_CLIENT:
            raise Problem(400, f"A stream carries at most {MAX_CHANNELS_PER_CLIENT} channels.")
        return streams.open(request, names, wishes_of(names, last_event_id, since))

    return routes


def wishes_of(names: Sequence[str], last_event_id: str, since_ms: int | None) -> list[Wish]:
    """Say from where each channel is to be told: the position in the id, else ``since_ms``, else from now on.

    An id that is none can't be recovered from; each channel's answer then is ``recovered: false``.
    """
    if not last_event_id:
        return [Wish(name, since_ms=since_ms) for name in names]
    places = last_event_id.split(",") if len(last_event_id) <= MAX_ID_CHARS else []
    if len(places) != len(names):
        return [Wish(name, NOWHERE) for name in names]
    return [
        Wish(name, _position(place)) if place else Wish(name, since_ms=since_ms)
        for name, place in zip(names, places, strict=True)
    ]


def _position(place: str) -> Position:
    found = _POSITION.fullmatch(place.strip())
    if found is None or int(found[2]) >= MAX_OFFSET:
        return NOWHERE
    return Position(found[1], int(found[2]))

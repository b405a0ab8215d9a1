"""How a service is connected to NATS: for ever, with nats-py's unsafe defaults set right.

Left alone, nats-py gives up after two minutes without a server and needs four to notice a dead link. It still closes
for good when the server reports a protocol error; ``ensure_open`` turns that into an exception, and the process that
gets it must end, so that its supervisor starts it anew.
"""

import asyncio
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

# Where Scrapy has brought aiohttp along, nats-py loads it for NATS over WebSockets, which nobody here uses: 8 MB of an
# idle service. It is "not installed" while nats-py is loaded, and there for whoever wants it afterwards.
_IS_HIDDEN = "aiohttp" not in sys.modules
if _IS_HIDDEN:
    sys.modules["aiohttp"] = None  # type: ignore[assignment]
from nats.aio.client import Client as NATS  # noqa: E402, N814 - as above; the name its own package gives it
from nats.aio.client import Server  # noqa: E402 - as above
from nats.errors import Error  # noqa: E402 - as above
from prometheus_client import Gauge  # noqa: E402 - as above

if _IS_HIDDEN:
    del sys.modules["aiohttp"]

CONNECT_TIMEOUT_S = 5
CONNECT_DEADLINE_S = 60.0
RECONNECT_MIN_S = 0.1
RECONNECT_MAX_S = 1.0
PING_INTERVAL_S = 10
MAX_OUTSTANDING_PINGS = 2
PENDING_BYTES = 8 * 1024 * 1024
DRAIN_TIMEOUT_S = 10
LOG_EVERY_S = 10.0

_connected = Gauge("mercadito_nats_connected", "1 while there is a connection to NATS", ["connection"])
_log = structlog.get_logger(__name__)


class NatsUnreachable(Exception):
    """No connection within the deadline; the text says what was tried and how it failed."""


class NatsClosed(Exception):
    """The connection is closed for good: the process must end and be started anew."""


@dataclass(frozen=True)
class NatsSettings:
    """Where NATS is and as whom to sign in; several servers are separated by commas."""

    url: str
    user: str
    password: str = field(repr=False)


async def connect(settings: NatsSettings, *, name: str, deadline_s: float = CONNECT_DEADLINE_S) -> NATS:
    """Connect, trying for ``deadline_s``; once connected, reconnect for ever with jitter.

    Publishes made while disconnected wait in a buffer of 8 MB, after which they raise.

    Raises:
        NatsUnreachable: the deadline passed.

    """
    nc = NATS()
    events = _Events(nc, name)
    events.tell(connected=False)
    try:
        async with asyncio.timeout(deadline_s):
            await nc.connect(
                servers=settings.url.split(","),
                user=settings.user,
                password=settings.password,
                name=name,
                inbox_prefix=inbox_prefix(settings.user),
                connect_timeout=CONNECT_TIMEOUT_S,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                reconnect_to_server_handler=choose_server,
                ping_interval=PING_INTERVAL_S,
                max_outstanding_pings=MAX_OUTSTANDING_PINGS,
                pending_size=PENDING_BYTES,
                drain_timeout=DRAIN_TIMEOUT_S,
                error_cb=events.error,
                disconnected_cb=events.disconnected,
                reconnected_cb=events.reconnected,
                closed_cb=events.closed,
            )
    except (TimeoutError, OSError, Error) as error:
        events.muted = True
        await nc.close()
        last = events.last or f"{type(error).__name__}: {error}"
        raise NatsUnreachable(
            f"NATS at {settings.url} cannot be reached as user {settings.user!r}"
            f" ({last.strip()}). Is nats-server running there, and is the password its own?"
        ) from None
    events.tell(connected=True)
    return nc


async def connect_unless(
    stop: asyncio.Event, settings: NatsSettings, *, name: str, deadline_s: float = CONNECT_DEADLINE_S
) -> NATS | None:
    """Connect, however long that takes; None when ``stop`` comes first.

    For services that serve without NATS meanwhile: what they publish waits in the outbox.
    """
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            attempt = asyncio.create_task(connect(settings, name=name, deadline_s=deadline_s))
            await asyncio.wait([attempt, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                attempt.cancel()
                await asyncio.gather(attempt, return_exceptions=True)
                return None
            try:
                return attempt.result()
            except NatsUnreachable as problem:
                _log.warning("nats_unreachable", connection=name, problem=str(problem))
        return None
    finally:
        stopping.cancel()


def ensure_open(nc: NATS) -> None:
    """Raise ``NatsClosed`` when this connection will never come back."""
    if nc.is_closed:
        raise NatsClosed("the connection to NATS was closed for good")


def inbox_prefix(user: str) -> str:
    """Return the subject prefix for replies that only this user may read."""
    return f"_INBOX_{user}"


def choose_server(servers: list[Server], _info: Mapping[str, Any]) -> tuple[Server, float]:
    """Take the server that failed least, after a random wait that doubles with its failures up to the maximum."""
    server = min(servers, key=lambda candidate: candidate.reconnects)
    ceiling = min(RECONNECT_MAX_S, RECONNECT_MIN_S * 2 ** min(server.reconnects, 10))
    return server, random.uniform(ceiling / 2, ceiling)


class _Events:
    """Log what happens to the connection; while a server is away, the same error comes with every attempt."""

    def __init__(self, nc: NATS, name: str) -> None:
        self._nc = nc
        self.last = ""
        self.muted = False
        self._name = name
        self._quiet_until: dict[str, float] = {}
        self._swallowed = 0

    def tell(self, *, connected: bool) -> None:
        _connected.labels(self._name).set(connected)

    async def error(self, error: Exception) -> None:
        self.last = f"{type(error).__name__}: {error}"
        kind, now = type(error).__name__, time.monotonic()
        if now < self._quiet_until.get(kind, 0) or self.muted:
            self._swallowed += 1
            return
        self._quiet_until[kind] = now + LOG_EVERY_S
        _log.warning("nats_error", connection=self._name, error=self.last, swallowed=self._swallowed)
        self._swallowed = 0

    async def disconnected(self) -> None:
        if not (self.muted or self._nc.is_closed):
            self.tell(connected=False)
            _log.warning("nats_disconnected", connection=self._name)

    async def reconnected(self) -> None:
        self._quiet_until.clear()
        self.tell(connected=True)
        _log.info("nats_reconnected", connection=self._name)

    async def closed(self) -> None:
        if not self.muted:
            _log.info("nats_closed", connection=self._name)

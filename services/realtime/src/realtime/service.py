"""The process: makes the parts, runs them in one event loop, and takes them down in order."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import structlog
from mercadito_events.connection import connect
from mercadito_events.service.identity import KeySet
from mercadito_events.service.memory import tell_memory
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from realtime import SERVICE, loop_lag
from realtime.app import HttpServer, Inside, create_app
from realtime.archive import Archive
from realtime.channels import ORDERS, USDA
from realtime.commands import Commands
from realtime.ending import end
from realtime.feed import Feed
from realtime.hub import Hub, unix_ms
from realtime.metrics import Levels, Metrics
from realtime.newsdesk import NewsDesk, news_in
from realtime.sessions import Sessions
from realtime.settings import Settings
from realtime.siblings import Siblings
from realtime.sockets import SocketServer
from realtime.sse import Streams
from realtime.tickets import Tickets
from realtime.viewers import Viewers
from realtime.workers import ALONE, Seat

WARM_WAIT_S = 30.0
WARM_POLL_S = 0.05
_log = structlog.get_logger(__name__)


class Realtime:
    """All parts of one process, and what it says about itself."""

    def __init__(self, settings: Settings, seat: Seat = ALONE) -> None:
        self._settings, self._seat = settings, seat
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        tell_memory(self._registry)
        self._metrics = Metrics(self._registry)
        self._hub = Hub(unix_ms, self._metrics)
        self._viewers = Viewers(self._hub, settings.viewers_s)
        self._tickets = Tickets(KeySet(settings.jwks_file))
        self._feeds: list[Feed] = []
        self._readers: list[asyncio.Task[None]] = []
        self._is_draining = False
        self._archive = Archive(news_in, self._metrics)
        self._sessions = Sessions(settings.bounds)
        self._sockets = SocketServer(
            settings,
            sessions=self._sessions,
            hub=self._hub,
            archive=self._archive,
            tickets=self._tickets,
            metrics=self._metrics,
            problems=self.problems,
        )
        streams = Streams(
            settings,
            sessions=self._sessions,
            hub=self._hub,
            archive=self._archive,
            tickets=self._tickets,
            metrics=self._metrics,
            problems=self.problems,
        )
        self._registry.register(
            Levels(
                connections=self._sessions.by_transport,
                subscriptions=lambda: self._hub.subscriptions,
                buffered_bytes=lambda: self._sessions.buffered,
                stream_lag_s=lambda: {feed.stream: feed.lag_s() for feed in self._feeds},
                worker_deaths=lambda: seat.deaths,
            )
        )
        commands = Commands(self._registry, self._hub, self._sessions, self._sockets.move)
        self._siblings = Siblings(seat, commands.answer)
        inside = Inside(self.problems, self._registry, self._siblings, streams, settings.admin_token)
        self._http = HttpServer(create_app(inside), settings.http_host, settings.http_port, settings.bounds.connections)

    def problems(self) -> Sequence[str]:
        """Say what keeps the process from serving: clients are let in, and probes answered, by this."""
        if self._is_draining:
            return ["draining"]
        if not self._feeds:
            return ["not connected to NATS yet"]
        found = [problem for problem in (feed.problem() for feed in self._feeds) if problem]
        return found if self._tickets.has_keys else [*found, "no identity keys"]

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``, then drain.

        Raises:
            ExceptionGroup: a part failed for good; the process must end and be started anew.

        """
        async with asyncio.TaskGroup() as group:
            parts = (self._read_streams(), self._sockets.sweep(), loop_lag.measure(self._metrics))
            working = [group.create_task(part) for part in parts]
            await self._siblings.start()
            if self._seat.deaths:
                await self._warm_up(stop)
            await self._sockets.start()
            group.create_task(self._http.run_until_stopped())
            await stop.wait()
            await self._drain()
            await end(self._readers)
            await end(working)
            await self._siblings.stop()
            self._http.should_exit = True

    async def _warm_up(self, stop: asyncio.Event) -> None:
        """Wait until this worker can serve: until then its siblings take the clients it would have to turn away."""
        deadline = time.monotonic() + WARM_WAIT_S
        while self.problems() and not stop.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110 - a level, no event
            await asyncio.sleep(WARM_POLL_S)

    async def _read_streams(self) -> None:
        nc = await connect(self._settings.nats, name=SERVICE)
        try:
            desk = NewsDesk(self._hub, self._tickets, self._metrics, self._sessions.of_person)
            self._feeds = [Feed(nc, stream, desk, self._metrics) for stream in (ORDERS, USDA)]
            async with asyncio.TaskGroup() as readers:
                parts = (*(feed.run() for feed in self._feeds), self._archive.run(nc), self._viewers.run(nc))
                self._readers = [readers.create_task(part) for part in parts]
        finally:
            with contextlib.suppress(RuntimeError):  # nats-py's own, when the server went away as we end
                await nc.close()

    async def _drain(self) -> None:
        self._is_draining = True
        _log.info("draining", connections=len(self._sessions))
        await self._sockets.drain()
        _log.info("drained", connections=len(self._sessions))

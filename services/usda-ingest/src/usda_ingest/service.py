"""The service's process: API, schedule, outbox relay and sign-outs in one loop, each ending in order on SIGTERM."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence

import structlog
import uvicorn
from anyio import to_thread
from mercadito_events.connection import connect_unless
from mercadito_events.inbox import Consumer
from mercadito_events.outbox import Relay
from mercadito_events.service.database import create_engine
from mercadito_events.service.disk import tell_disk
from mercadito_events.service.identity import KeySet
from mercadito_events.service.memory import tell_memory
from mercadito_events.waiting import in_thread
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.api.app import SERVICE, create_app
from usda_ingest.api.signed_in import remember_sign_out
from usda_ingest.crawling.crawler import Crawler
from usda_ingest.forecasting.runs import ForecastRuns
from usda_ingest.settings import ServiceSettings

API_THREADS = 4
# The API's threads, the relay, the consumer, the crawler, the forecasts and a readiness check may each hold one.
POOL_SIZE = API_THREADS + 5
DRAIN_S = 5
KEEP_ALIVE_S = (
    65  # longer than the gateway keeps a connection to us: it closes first, so no request meets a closing one
)
MAX_CONNECTIONS = 200
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger(__name__)


def serve(settings: ServiceSettings) -> int:
    """Run until SIGTERM or until a part of it fails; return the exit code."""
    engine = create_engine(settings.crawl.database, pool_size=POOL_SIZE, application_name="usda")
    tell_memory()
    tell_disk("usda-raw", settings.crawl.raw_dir)
    try:
        return asyncio.run(_Service(settings, engine).run())
    finally:
        engine.dispose()


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling: one place decides how this process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Service:
    def __init__(self, settings: ServiceSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._stop = asyncio.Event()
        self._failed = False
        self._crawler = Crawler(settings, engine)
        self._forecasts = ForecastRuns(settings, engine)
        self._keys = KeySet(settings.jwks_file)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        to_thread.current_default_thread_limiter().total_tokens = API_THREADS
        server = self._server()
        tasks = [
            asyncio.create_task(self._guarded("http", server.serve)),
            asyncio.create_task(self._guarded("crawler", lambda: self._crawler.run(self._stop))),
            asyncio.create_task(self._guarded("forecasts", lambda: self._forecasts.run(self._stop))),
            asyncio.create_task(self._guarded("events", self._events)),
        ]
        await self._stop.wait()
        _log.info("draining")
        server.should_exit = True
        await asyncio.gather(*tasks)
        _log.info("stopped")
        return 1 if self._failed else 0

    def _server(self) -> _Server:
        app = create_app(
            self._engine,
            self._keys,
            start_crawl=self._crawler.start,
            timetable=self._crawler.timetable,
            find_problems=self._problems,
            market_day=self._settings.crawl.market_today,
        )
        return _Server(
            uvicorn.Config(
                app,
                host=self._settings.http_host,
                port=self._settings.http_port,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
                limit_concurrency=MAX_CONNECTIONS,
            )
        )

    async def _guarded(self, part: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run a part; when it ends by itself, the process must end and be started anew."""
        try:
            await work()
        except BaseException as error:  # noqa: BLE001 - the outermost frame of each part; uvicorn exits by SystemExit
            _log.error("part_failed", part=part, exc_info=error)
            self._failed = True
        else:
            if not self._stop.is_set():
                _log.error("part_ended", part=part)
                self._failed = True
        self._stop.set()

    async def _events(self) -> None:
        """Publish and consume; while NATS has not been reached yet, prices are served without it."""
        nc = await connect_unless(self._stop, self._settings.nats, name=SERVICE)
        if nc is None:
            return
        try:
            handlers = {"orders.person.signed_out.v1": remember_sign_out}
            consumer = Consumer(self._engine, nc, stream="ORDERS", durable="usda__sign_outs", handlers=handlers)
            async with asyncio.TaskGroup() as group:
                group.create_task(Relay(self._engine, nc, service=SERVICE).run(self._stop))
                group.create_task(consumer.run(self._stop))
        finally:
            await nc.close()

    async def _problems(self) -> Sequence[str]:
        if self._stop.is_set():
            return ["draining"]
        try:
            await in_thread(_ask, self._engine)
        except SQLAlchemyError as error:
            return [f"the database does not answer: {type(error).__name__}"]
        return []


def _ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM crawls LIMIT 1"))

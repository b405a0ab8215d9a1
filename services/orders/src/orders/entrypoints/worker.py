"""The background process: relays the outbox, follows other services, keeps the market day's clock, tidies up."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from mercadito_events.connection import connect_unless
from mercadito_events.inbox import Consumer
from mercadito_events.outbox import Relay
from mercadito_events.service import tracing
from mercadito_events.service.beats import beat
from mercadito_events.service.health import HealthServer
from mercadito_events.service.logs import configure
from mercadito_events.service.memory import tell_memory
from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it

from orders import __version__
from orders.application.clock import StepsFailed
from orders.bootstrap import Worker, build_worker
from orders.domain.errors import Unavailable
from orders.settings import WorkerSettings

CLOCK_EVERY_S = 1.0
PRUNE_EVERY_S = 600.0
DRAIN_TIMEOUT_S = 20.0
# A step that fails is tried each second; what went wrong is told whole so often, as long as it is the same.
TOLD_AGAIN_S = 60.0
_log = structlog.get_logger(__name__)


def main(settings: WorkerSettings) -> int:
    """Work until SIGTERM or SIGINT; return 1 when a part failed for good, so that the supervisor starts anew."""
    configure("orders", __version__, settings.log_level)
    tell_memory()
    tracing.start("orders-worker", __version__, os.environ)
    return asyncio.run(Process(settings, build_worker(settings)).run())


class Troubles:
    """What goes wrong again and again: said when it is new, and then now and again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[str, float]] = {}

    def tell(self, errors: Mapping[str, Exception]) -> None:
        """Log each step's error, unless the same one was logged less than `TOLD_AGAIN_S` ago."""
        for step, cause in errors.items():
            what, now = f"{cause!r} {getattr(cause, '__notes__', '')}", self._clock()
            known, at = self._told.get(step, ("", now))
            if what != known or now - at >= TOLD_AGAIN_S:
                self._told[step] = what, now
                _log.error("clock_step_failed", step=step, exc_info=cause)


class Process:
    """The parts of the worker and how they start, end and tell that they are well."""

    def __init__(self, settings: WorkerSettings, worker: Worker) -> None:
        self._settings = settings
        self._worker = worker
        self._stop = asyncio.Event()
        self._nats: NATS | None = None
        self._consumers: list[Consumer] = []
        self._troubles = Troubles()

    async def run(self) -> int:
        """Run all parts; the first that ends by itself ends the others."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        health = HealthServer(
            service="orders", host=self._settings.host, port=self._settings.port, problems=self._problems
        )
        await health.start()
        _log.info("worker_started")
        parts = [
            asyncio.create_task(self._regularly("clock", self._worker.advance_clock, CLOCK_EVERY_S), name="clock"),
            asyncio.create_task(self._regularly("pruning", self._worker.prune, PRUNE_EVERY_S), name="pruning"),
            asyncio.create_task(self._messaging(), name="messaging"),
        ]
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        code = await self._end(parts)
        await health.stop()
        _log.info("worker_stopped", exit_code=code)
        return code

    async def _end(self, parts: Sequence[asyncio.Task[None]]) -> int:
        _, late = await asyncio.wait(parts, timeout=DRAIN_TIMEOUT_S)
        for part in late:
            _log.error("worker_part_late", part=part.get_name())
            part.cancel()
        failed = [part for part in parts if part.done() and not part.cancelled() and part.exception()]
        for part in failed:
            _log.error("worker_part_failed", part=part.get_name(), exc_info=part.exception())
        return 1 if failed or late else 0

    async def _regularly(self, part: str, work: Callable[[], object], every_s: float) -> None:
        """Do the work again and again; a database that is away is waited for, a step of the clock tried again.

        Anything else ends the process.
        """
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(work)
                beat(part)
            except Unavailable as error:
                _log.warning("worker_waits", problem=str(error))
            except StepsFailed as failed:
                # No sign of life either: whoever watches is told of a clock that is behind.
                self._troubles.tell(failed.errors)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), every_s)

    async def _messaging(self) -> None:
        """Relay and consume. The clock goes on meanwhile, whether NATS is there or not."""
        nats = await connect_unless(self._stop, self._settings.nats, name="orders-worker")
        if nats is None:
            return
        self._nats = nats
        engine = self._worker.engine
        self._consumers = [
            Consumer(engine, nats, stream="USDA", durable="orders__usda", handlers=self._worker.on_usda),
            Consumer(engine, nats, stream="NOTIFY", durable="orders__mails", handlers=self._worker.on_mails),
        ]
        relay = Relay(engine, nats, service="orders")
        try:
            await _all_or_none([relay.run(self._stop), *(consumer.run(self._stop) for consumer in self._consumers)])
        finally:
            with contextlib.suppress(Exception):  # it is the end either way
                # Acknowledgements are flushed by close; drain would wait for pull subscriptions until it times out.
                await nats.close()

    async def _problems(self) -> Sequence[str]:
        problems = await asyncio.to_thread(self._worker.problems)
        if self._stop.is_set():
            problems.append("draining")
        if self._nats is None or not self._nats.is_connected:
            problems.append("nats: not connected")
        elif not all(consumer.healthy for consumer in self._consumers):
            problems.append("a consumer is not at work")
        return problems


async def _all_or_none(parts: Sequence[Awaitable[None]]) -> None:
    """Run all; when one fails, end the others and raise what it raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

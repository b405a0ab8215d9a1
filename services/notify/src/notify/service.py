"""``notify serve``: web, relay, consumers and sender in one process and one event loop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from mercadito_events.connection import connect
from mercadito_events.inbox import Consumer
from mercadito_events.outbox import Relay
from mercadito_events.service.database import create_engine
from mercadito_events.service.identity import KeySet
from nats.aio.client import Client
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from notify import intents
from notify.app import SERVICE, create_app
from notify.contacts import change_contact
from notify.revocations import sign_out
from notify.sender import Sender
from notify.settings import Settings

# The sender's threads, the relay, two consumers, a request; what goes beyond the pool is closed after use.
POOL_SIZE = 3
POOL_OVERFLOW = 5
HTTP_DRAIN_S = 5
MAX_CONCURRENT_REQUESTS = 50

_log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; finish what is in hand.

    Raises:
        ConsumerStuck: a consumer hangs; the process must end and be started anew.

    """
    stop = asyncio.Event()
    engine = create_engine(settings.database, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, application_name=SERVICE)
    nc = await connect(settings.nats, name=SERVICE)
    try:
        with _signals(stop.set):
            await _run(settings, engine, nc, stop)
    finally:
        await nc.close()
        engine.dispose()


async def _run(settings: Settings, engine: Engine, nc: Client, stop: asyncio.Event) -> None:
    consumers = [
        Consumer(
            engine, nc, stream="ACCOUNTS", durable="notify__accounts",
            handlers={**intents.handlers("ACCOUNTS"), "accounts.contact.changed.v1": change_contact},
        ),
        Consumer(
            engine, nc, stream="ORDERS", durable="notify__orders",
            handlers={**intents.handlers("ORDERS"), "orders.person.signed_out.v1": sign_out},
        ),
    ]  # fmt: skip
    keys = KeySet(settings.identity_jwks_file)

    def problems() -> Sequence[str]:
        return [*_problems(engine, nc, consumers), *(["draining"] if stop.is_set() else [])]

    web = _Web(create_app(engine, keys, problems), settings)
    parts = {
        "web": web.run(stop),
        "relay": Relay(engine, nc, service=SERVICE).run(stop),
        "sender": Sender(engine, settings.post, lease_s=settings.lease_s).run(stop),
        **{f"consumer {number}": consumer.run(stop) for number, consumer in enumerate(consumers)},
    }
    await run_together(parts, stop)


async def run_together(parts: dict[str, Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run the parts until ``stop``; when one ends unasked, the others are asked to end, and it is an error.

    Raises:
        Exception: what the first failing part raised, or a RuntimeError when one just ended.

    """
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    _log.info("started")
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    unasked = [] if stop.is_set() else [task.get_name() for task in done]
    stop.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    problems = [result for result in results if isinstance(result, BaseException)]
    _log.info("stopped", ended_unasked=unasked, problems=[type(problem).__name__ for problem in problems])
    if problems:
        raise problems[0]
    if unasked:
        raise RuntimeError(f"{', '.join(unasked)} ended without being asked to")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process has one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class _Web:
    """The listener, ended by the same event as everything else."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                host=settings.http_host,
                port=settings.http_port,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                limit_concurrency=MAX_CONCURRENT_REQUESTS,
                timeout_graceful_shutdown=HTTP_DRAIN_S,
                server_header=False,
            )
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``."""
        serving = asyncio.create_task(self._server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self._server.should_exit = True
        await serving


def _problems(engine: Engine, nc: Client, consumers: Sequence[Consumer]) -> list[str]:
    found = []
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as problem:
        found.append(f"the database does not answer ({type(problem).__name__})")
    if not nc.is_connected:
        found.append("not connected to NATS")
    if not all(consumer.healthy for consumer in consumers):
        found.append("a consumer makes no progress")
    return found


@contextlib.contextmanager
def _signals(on_stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

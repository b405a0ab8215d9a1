"""``notify serve``: web, relay, consumers and sender in one process and one event loop."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from mercadito_events.connection import connect_unless
from mercadito_events.inbox import Consumer
from mercadito_events.outbox import Relay
from mercadito_events.service import tracing
from mercadito_events.service.database import create_engine
from mercadito_events.service.identity import KeySet
from mercadito_events.service.memory import tell_memory
from nats.aio.client import Client
from nats.errors import Error
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from notify import __version__, figures
from notify.api.app import SERVICE, create_app
from notify.api.mail_pages import Desk
from notify.market.clock import DigestClock
from notify.market.weekly import Weekly
from notify.queueing import dead_letters
from notify.sending.sender import Sender
from notify.settings import Settings
from notify.subscriptions import Subscription, subscriptions

# The relay and three of the sender's threads hold one each; signs of life, chores, consumers and requests share the
# rest.
# What goes beyond the pool is closed after use, and opening one costs as much as three mails.
POOL_SIZE = 6
POOL_OVERFLOW = 2
HTTP_DRAIN_S = 5
MAX_CONCURRENT_REQUESTS = 50

_log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; finish what is in hand.

    Raises:
        ConsumerStuck: a consumer hangs; the process must end and be started anew.

    """
    stop = asyncio.Event()
    tell_memory()
    tracing.start(SERVICE, __version__, os.environ)
    figures.begin()
    engine = create_engine(settings.database, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, application_name=SERVICE)
    try:
        with _signals(stop.set):
            await _run(settings, engine, stop)
    finally:
        engine.dispose()


async def _run(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    def problems() -> Sequence[str]:
        return [*_problems(engine), *(["draining"] if stop.is_set() else [])]

    post = settings.post
    desk = Desk(
        engine=engine,
        keys=KeySet(settings.identity_jwks_file),
        hub=post.hub,
        links=post.links,
        quiet=post.quiet,
        relays={relay.name: relay.host for relay in post.relays},
        mode=post.mode,
        return_path=post.return_path,
        bounce_signer=settings.bounce_signer,
        usda_today=settings.usda_today,
    )

    web = _Web(create_app(desk, problems), settings)
    parts = {
        "web": web.run(stop),
        "events": _events(settings, engine, stop),
        "sender": Sender(engine, settings.post, lease_s=settings.lease_s).run(stop),
    }
    _log.info("started")
    await run_together(parts, stop)


async def _events(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    """Publish and consume; while NATS has not been reached yet, pages are served and mails that are due are sent."""
    nc = await connect_unless(stop, settings.nats, name=SERVICE)
    if nc is None:
        return
    subscribed = subscriptions(settings.market_day)

    async def caught_up() -> bool:
        return all([await _has_read_all(nc, one) for one in subscribed])

    weekly = Weekly(engine, settings.post.hub.time_zone, settings.market_day)
    parts = {
        "relay": Relay(engine, nc, service=SERVICE).run(stop),
        "digest": DigestClock(weekly, settings.digest, caught_up).run(stop),
        **{
            one.durable: Consumer(
                engine, nc, stream=one.stream, durable=one.durable, handlers=one.handlers, keep=dead_letters.keep
            ).run(stop)
            for one in subscribed
        },
    }
    try:
        await run_together(parts, stop)
    finally:
        await nc.close()


async def run_together(parts: dict[str, Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run the parts until ``stop``; when one ends unasked, the others are asked to end, and it is an error.

    Raises:
        Exception: what the first failing part raised, or a RuntimeError when one just ended.

    """
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    unasked = [] if stop.is_set() else [task.get_name() for task in done]
    stop.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    problems = [result for result in results if isinstance(result, BaseException)]
    told = {"ended_unasked": unasked, "problems": [type(problem).__name__ for problem in problems]}
    _log.info("stopped", parts=list(parts), **told)
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


async def _has_read_all(nc: Client, of: Subscription) -> bool:
    try:
        told = await nc.jetstream().consumer_info(of.stream, of.durable)
    except (Error, TimeoutError) as problem:
        _log.warning("backlog_not_known", problem=type(problem).__name__)
        return False
    return not (told.num_pending or told.num_ack_pending)


def _problems(engine: Engine) -> list[str]:
    """Say what keeps the pages from being served. NATS is none of it: the gateway would hold them for nothing."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as problem:
        return [f"the database does not answer ({type(problem).__name__})"]
    return []


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

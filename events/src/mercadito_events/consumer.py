"""The consumer: one durable, one event at a time, in order, each with its effect exactly once.

Its order comes from the durable (``max_ack_pending`` 1): the server hands out the next event when this one is settled,
to whichever instance asks. The price is that an event that keeps failing holds up those behind it, for about a minute,
until it becomes a dead letter; the gain is that no reader needs to think about order at all.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime

import structlog
from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.aio.msg import Msg
from nats.errors import Error
from prometheus_client import Counter, Gauge
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mercadito_events import dead_letters
from mercadito_events.connection import ensure_open
from mercadito_events.dead_letters import DeadLetter
from mercadito_events.envelope import Event, MalformedEvent
from mercadito_events.handling import Handler, Permanent
from mercadito_events.pull import ConsumerMissing, ConsumerStuck, Pull
from mercadito_events.service import tracing
from mercadito_events.service.database import READ_ONLY
from mercadito_events.topology import CONFIDENTIAL_STREAM
from mercadito_events.waiting import backoff_s, in_thread, pause

__all__ = ["Consumer", "ConsumerMissing", "ConsumerStuck", "Keeper", "apply_once"]

IN_PROGRESS_EVERY_S = 3.0
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 30.0
# So often an event may fail, or kill its process. The durables' max_deliver leaves room for more deliveries: after that
# many the server delivers no more, and a dead letter that could not be buried by then would be gone unnoticed.
MAX_FAILURES = 8
# So long a dead letter that the service has written down is offered to a DLQ that does not take it.
KEPT_OFFER_S = 60.0
INBOX_KEPT_DAYS = 14
PRUNE_EVERY_S = 600.0
PRUNE_ROWS = 1_000
OUTCOMES = ("handled", "repeated", "ignored", "retried", "returned", "dead")

_RECORD = text(
    "INSERT INTO inbox (durable, event_id) VALUES (:durable, CAST(:event_id AS uuid)) ON CONFLICT DO NOTHING"
)
_PRUNE = text(
    "DELETE FROM inbox WHERE (durable, event_id) IN (SELECT durable, event_id FROM inbox"
    " WHERE handled_at < clock_timestamp() - make_interval(days => :days) ORDER BY handled_at LIMIT :rows)"
)
# Class 08: connection exceptions; 57P01-57P03: shutdown, crash, starting up; class 53: no room on the disk, no memory,
# no more connections; 58030: a file could not be written; 25006: no writes. None of them says anything about the event.
_UNREACHABLE = ("08", "57P01", "57P02", "57P03", "53", "58030", READ_ONLY)

_events = Counter("mercadito_consumer_events_total", "Events by what became of them", ["durable", "outcome"])
_pending = Gauge("mercadito_consumer_pending", "Events behind the one last received", ["durable"])
_lag = Gauge("mercadito_consumer_lag_seconds", "Age of the event at hand; 0 when none waits", ["durable"])
_log = structlog.get_logger(__name__)

Keeper = Callable[[Connection, DeadLetter], None]
"""Writes a dead letter down in the service's own database; twice the same must change nothing."""


def apply_once(connection: Connection, durable: str, handler: Handler, event: Event) -> bool:
    """Record an event in the inbox and handle it, in the caller's transaction; False when it was handled before."""
    if connection.execute(_RECORD, {"durable": durable, "event_id": event.id}).rowcount == 0:
        return False
    handler(connection, event)
    return True


class Consumer:
    """Feed one durable's events to handlers.

    Types without a handler are acknowledged. ``Permanent``, a malformed message, or too many failures end on
    ``dlq.<durable>``; any other exception means later again, with growing delay. While the database is away, the event
    at hand is kept and nothing else fetched. ``healthy`` says whether events could be handled right now. A service that
    wants to show and handle its dead letters again gives ``keep``.
    """

    def __init__(
        self,
        engine: Engine,
        nc: NATS,
        *,
        stream: str,
        durable: str,
        handlers: Mapping[str, Handler],
        keep: Keeper | None = None,
    ) -> None:
        self._engine, self._nc, self._stream, self._durable = engine, nc, stream, durable
        self._handlers = dict(handlers)
        self._keep = keep
        self._js = nc.jetstream()
        self._pull = Pull(nc, stream=stream, durable=durable)
        self._prune_at = 0.0
        self.healthy = False
        # From the beginning: of a series that starts with 1 nobody could see that it grew.
        for outcome in OUTCOMES:
            _events.labels(durable, outcome)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop``, then hand back what was fetched but not handled.

        Raises:
            ConsumerStuck: messages wait, none arrives, and a new subscription did not help.
            ConsumerMissing: the durable or its stream does not exist (a ``ConsumerStuck``).
            NatsClosed: the connection will never come back. In each case the process must end.

        """
        try:
            await self._wait_for_database(stop)
            await self._pull.open(stop)
            while not stop.is_set():
                await self._step(stop)
        finally:
            self.healthy = False
            await self._pull.close()

    async def _step(self, stop: asyncio.Event) -> None:
        ensure_open(self._nc)
        message = await self._pull.next()
        self.healthy = self._nc.is_connected
        if message is None:
            _lag.labels(self._durable).set(0)
            await self._prune()
        else:
            await self._settle(message, stop)

    async def _settle(self, message: Msg, stop: asyncio.Event) -> None:
        event_id = (message.headers or {}).get("ce-id", "")[:64]
        self._measure(message)
        cause = tracing.understood((message.headers or {}).get("traceparent"))
        with (
            structlog.contextvars.bound_contextvars(event_id=event_id, durable=self._durable),
            tracing.span(f"{self._durable} {message.subject}", "consumer", cause, event_id=event_id) as span,
        ):
            async with self._kept_in_progress(message):
                try:
                    outcome = await self._handle(message, stop)
                except (Permanent, MalformedEvent, dead_letters.GivenUp) as error:
                    outcome = await self._bury(message, error, stop)
                except Exception as error:  # noqa: BLE001 - the outermost loop: whatever a handler raises, try later
                    self._log_failure(message, error)
                    outcome = "retried"
            span.note(outcome=outcome)
            await self._answer(message, outcome)

    async def _handle(self, message: Msg, stop: asyncio.Event) -> str:
        event = Event.from_message(message.subject, message.headers, message.data)
        handler = self._handlers.get(event.type)
        if handler is None:
            return "ignored"
        if message.metadata.num_delivered > MAX_FAILURES:
            raise dead_letters.GivenUp(f"delivered {message.metadata.num_delivered} times without success")
        while True:
            try:
                return await in_thread(self._apply, handler, event)
            except SQLAlchemyError as error:
                if not _is_unreachable(error):
                    raise
                _log.warning("consumer_lost_database", error=type(error).__name__)
            if not await self._wait_for_database(stop):
                return "returned"

    def _apply(self, handler: Handler, event: Event) -> str:
        with self._engine.begin() as connection:
            return "handled" if apply_once(connection, self._durable, handler, event) else "repeated"

    async def _bury(self, message: Msg, error: Exception, stop: asyncio.Event) -> str:
        """Have the dead letter written down, then publish it, however long that takes: the event must not vanish.

        One that is written down may do without DLQ: what is behind it is not held up for longer than ``KEPT_OFFER_S``.
        """
        written = await self._written_down(DeadLetter.of(message, durable=self._durable, error=error), stop)
        if self._keep is not None and not written and stop.is_set():
            return "returned"
        offered, failures = time.monotonic(), 0
        while True:
            try:
                await dead_letters.publish(self._js, message, durable=self._durable, error=error)
            except (Error, TimeoutError) as problem:
                failures += 1
                _log.warning("dead_letter_not_accepted", failures=failures, error=type(problem).__name__)
            else:
                _log.error("event_dead_lettered", type=message.subject[:200], error=dead_letters.describe(error))
                return "dead"
            if written and time.monotonic() - offered > KEPT_OFFER_S:
                _log.error("dead_letter_only_kept", type=message.subject[:200], error=dead_letters.describe(error))
                return "dead"
            await pause(stop, backoff_s(failures, first_s=RETRY_FIRST_S, most_s=RETRY_MOST_S))
            if stop.is_set():
                return "returned"

    async def _written_down(self, letter: DeadLetter, stop: asyncio.Event) -> bool:
        """Let the service write it down, once its database answers.

        What it can't write lies in DLQ all the same; but of ACCOUNTS events only the id does, so they are tried until
        they are written.
        """
        failures = 0
        while self._keep is not None:
            try:
                await in_thread(_write_down, self._engine, self._keep, letter)
            except Exception as error:  # noqa: BLE001 - whatever a keeper raises, the event must not be lost by it
                failures += 1
                if isinstance(error, SQLAlchemyError) and _is_unreachable(error):
                    await self._wait_for_database(stop)
                else:
                    _log.error("dead_letter_not_kept", failures=failures, error=type(error).__name__)
                    if self._stream != CONFIDENTIAL_STREAM:
                        return False
                    await pause(stop, backoff_s(failures, first_s=RETRY_FIRST_S, most_s=RETRY_MOST_S))
            else:
                return True
            if stop.is_set():
                return False
        return False

    async def _answer(self, message: Msg, outcome: str) -> None:
        _events.labels(self._durable, outcome).inc()
        with contextlib.suppress(Error):  # an answer that is lost means another delivery, which the inbox absorbs
            if outcome == "retried":
                failures = message.metadata.num_delivered - 1
                await message.nak(delay=backoff_s(failures, first_s=RETRY_FIRST_S, most_s=RETRY_MOST_S))
            elif outcome == "returned":
                await message.nak()
            elif outcome == "dead":
                await message.term()
            else:
                await message.ack()

    @contextlib.asynccontextmanager
    async def _kept_in_progress(self, message: Msg) -> AsyncIterator[None]:
        """Tell the server again and again that this event is being worked on, so that nobody else gets it."""
        task = asyncio.create_task(self._keep_in_progress(message))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_in_progress(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(IN_PROGRESS_EVERY_S)
            self._measure(message)
            with contextlib.suppress(Error):
                await message.in_progress()

    async def _wait_for_database(self, stop: asyncio.Event) -> bool:
        """Wait a little, then until it answers: one without room answers at once, and refuses the same again."""
        failures = 1
        while not stop.is_set():
            await pause(stop, backoff_s(failures, first_s=RETRY_FIRST_S / 2, most_s=RETRY_MOST_S / 6))
            try:
                await in_thread(_ask, self._engine)
            except SQLAlchemyError:
                self.healthy = False
                failures += 1
            else:
                return True
        return False

    def _measure(self, message: Msg) -> None:
        _pending.labels(self._durable).set(message.metadata.num_pending)
        _lag.labels(self._durable).set((datetime.now(UTC) - message.metadata.timestamp).total_seconds())

    def _log_failure(self, message: Msg, error: Exception) -> None:
        # An exception about an account may quote an address: of those only the kind is logged.
        shown = error if self._stream != CONFIDENTIAL_STREAM else None
        delivered = message.metadata.num_delivered
        _log.warning(
            "handler_failed", type=message.subject, delivered=delivered, error=type(error).__name__, exc_info=shown
        )

    async def _prune(self) -> None:
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            with contextlib.suppress(SQLAlchemyError):  # it can wait; if the database is away, the next event tells
                await in_thread(_prune, self._engine)


def _ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _write_down(engine: Engine, keep: Keeper, letter: DeadLetter) -> None:
    with engine.begin() as connection:
        keep(connection, letter)


def _prune(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(_PRUNE, {"days": INBOX_KEPT_DAYS, "rows": PRUNE_ROWS})


def _is_unreachable(error: SQLAlchemyError) -> bool:
    if not isinstance(error, (OperationalError, InterfaceError)):
        return isinstance(error, PoolTimeoutError)
    # psycopg2 gives no code where no session came about, or where it broke.
    code = getattr(error.orig, "pgcode", None)
    return code is None or code.startswith(_UNREACHABLE)

"""The relay: it carries the outbox to JetStream, strictly one event after the other.

A crash between publishing and marking publishes again: the same ``Nats-Msg-Id`` is dropped by the stream for 10
minutes, by the reader's inbox afterwards. One relay works at a time, because it holds a session advisory lock; it reads
and marks on the very connection that holds it, and asks it at least every second whether it is still there. Even two
relays at once could not turn the order around: each publishes in order of id and waits for every acknowledgement, and
the stream drops what it has already.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.errors import Error
from prometheus_client import Counter, Gauge
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from mercadito_events.connection import ensure_open
from mercadito_events.service import tracing
from mercadito_events.topology import stream_of
from mercadito_events.waiting import backoff_s, in_thread, pause

POLL_S = 0.05
BATCH_ROWS = 100
PUBLISH_TIMEOUT_S = 5.0
LEADERSHIP_CHECK_S = 1.0
STANDBY_S = 1.0
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 5.0
HOUSEKEEPING_EVERY_S = 30.0
KEPT_DAYS = 7
HOUSEKEEPING_ROWS = 1_000
HOUSEKEEPING_ROUNDS = 20

_ADVISORY_LOCK = 0x6F7574626F78  # "outbox"; locks are per database, so every service may use the same
_WAITING = text(
    "SELECT id, event_id, type, headers, body, created_at, coalesce(expires_at <= clock_timestamp(), false) AS expired"
    " FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT :rows"
)
_MARK = text(
    "UPDATE outbox SET published_at = clock_timestamp(), stream_seq = done.seq"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS done (id, seq) WHERE outbox.id = done.id"
)
_PRUNE = text(
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
    " WHERE published_at < clock_timestamp() - make_interval(days => :days) ORDER BY published_at LIMIT :rows)"
)
_BLANK = text(
    "UPDATE outbox SET body = '' WHERE id IN (SELECT id FROM outbox"
    " WHERE expires_at <= clock_timestamp() AND body <> '' LIMIT :rows)"
)
_BACKLOG = text(
    "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)"
    " FROM outbox WHERE published_at IS NULL"
)

_published = Counter("mercadito_relay_published_total", "Events acknowledged by JetStream", ["service", "type"])
_failures = Counter("mercadito_relay_failures_total", "Publishes that were not acknowledged", ["service"])
_leading = Gauge("mercadito_relay_leading", "1 while this process relays the outbox", ["service"])
_rows = Gauge("mercadito_outbox_rows", "Events waiting in the outbox", ["service"])
_oldest = Gauge("mercadito_outbox_oldest_seconds", "Age of the oldest waiting event", ["service"])
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox, and for how long the oldest of it has waited."""

    rows: int
    oldest_s: float


def backlog(engine: Engine) -> Backlog:
    """Count what waits to be published; the age is judged by the database's clock."""
    with engine.connect() as connection:
        return _count(connection)


class Relay:
    """Publish the outbox until told to stop; several may run, one works, another takes over when it ends.

    It needs one connection of the pool for as long as it leads.
    """

    def __init__(self, engine: Engine, nc: NATS, *, service: str) -> None:
        self._engine, self._nc, self._service = engine, nc, service
        self._js = nc.jetstream(timeout=PUBLISH_TIMEOUT_S)
        self._tidy_at = 0.0
        self._failed = 0
        self.leading = False

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until ``stop``; database and NATS may come and go meanwhile.

        Raises:
            NatsClosed: the connection to NATS will never come back; the process must end.

        """
        losses = 0
        while not stop.is_set():
            try:
                await self._lead_or_stand_by(stop)
                losses = 0
            except SQLAlchemyError as error:
                losses += 1
                _log.warning("relay_lost_database", service=self._service, error=type(error).__name__)
                await pause(stop, backoff_s(losses, first_s=RETRY_FIRST_S, most_s=RETRY_MOST_S))

    async def _lead_or_stand_by(self, stop: asyncio.Event) -> None:
        connection = await in_thread(_connect, self._engine)
        try:
            if await in_thread(_take_lock, connection):
                self._lead(leading=True)
                await self._relay(connection, stop)
        finally:
            self._lead(leading=False)
            await in_thread(_release, connection)
        await pause(stop, STANDBY_S)

    def _lead(self, *, leading: bool) -> None:
        if leading != self.leading:
            _log.info("relay_leads" if leading else "relay_leads_no_more", service=self._service)
        self.leading = leading
        _leading.labels(self._service).set(leading)
        if not leading:
            # Whoever leads tells it from now on; what this one saw last would stand for ever.
            _rows.labels(self._service).set(0)
            _oldest.labels(self._service).set(0)

    async def _relay(self, connection: Connection, stop: asyncio.Event) -> None:
        while not stop.is_set():
            ensure_open(self._nc)
            await self._tidy(connection)
            rows = await in_thread(_waiting, connection)
            if not rows or not self._nc.is_connected:
                await pause(stop, POLL_S)
                continue
            acknowledged = await self._publish(rows, connection, stop)
            await in_thread(_mark, connection, acknowledged)
            if self._failed:
                await pause(stop, backoff_s(self._failed, first_s=RETRY_FIRST_S, most_s=RETRY_MOST_S))

    async def _publish(
        self, rows: Sequence[Any], connection: Connection, stop: asyncio.Event
    ) -> list[tuple[int, int | None]]:
        """Publish in order up to the first failure; return ids with their places in the stream."""
        done: list[tuple[int, int | None]] = []
        checked = time.monotonic()
        for row in rows:
            if stop.is_set():
                break
            if time.monotonic() - checked > LEADERSHIP_CHECK_S:
                # Whoever lost the connection has lost the lock, and must not go on with what it read before.
                await in_thread(_check, connection)
                checked = time.monotonic()
            if row.expired:
                done.append((row.id, None))
                continue
            try:
                done.append((row.id, await self._publish_one(row)))
            except (Error, TimeoutError, LookupError) as error:
                self._note_failure(row, error)
                break
            self._failed = 0
        return done

    async def _publish_one(self, row: Any) -> int:
        headers = dict(row.headers)
        # From when it was written down: the span shows how long it waited.
        with tracing.span(
            f"publish {row.type}", "producer", headers.get("traceparent"), at=row.created_at, service=self._service
        ) as told:
            if told.traceparent is not None:
                headers["traceparent"] = told.traceparent
            ack = await self._js.publish(row.type, bytes(row.body), stream=stream_of(row.type), headers=headers)
        _published.labels(self._service, row.type).inc()
        return ack.seq

    def _note_failure(self, row: Any, error: Exception) -> None:
        self._failed += 1
        _failures.labels(self._service).inc()
        _log.warning(
            "outbox_publish_failed",
            service=self._service,
            event_id=str(row.event_id),
            type=row.type,
            failures=self._failed,
            error=f"{type(error).__name__}: {error}",
        )

    async def _tidy(self, connection: Connection) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + HOUSEKEEPING_EVERY_S
            waiting = await in_thread(_tidy, connection)
            _rows.labels(self._service).set(waiting.rows)
            _oldest.labels(self._service).set(waiting.oldest_s)


def _connect(engine: Engine) -> Connection:
    # Autocommit: each statement is atomic by itself, and no transaction stays open while publishing.
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _take_lock(connection: Connection) -> bool:
    return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _ADVISORY_LOCK}))


def _release(connection: Connection) -> None:
    try:
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.close()
    except SQLAlchemyError:
        connection.invalidate()
        connection.close()


def _check(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def _waiting(connection: Connection) -> Sequence[Any]:
    return connection.execute(_WAITING, {"rows": BATCH_ROWS}).all()


def _mark(connection: Connection, acknowledged: list[tuple[int, int | None]]) -> None:
    if acknowledged:
        ids, seqs = zip(*acknowledged, strict=True)
        connection.execute(_MARK, {"ids": list(ids), "seqs": list(seqs)})


def _tidy(connection: Connection) -> Backlog:
    for statement, values in ((_BLANK, {}), (_PRUNE, {"days": KEPT_DAYS})):
        for _ in range(HOUSEKEEPING_ROUNDS):
            if connection.execute(statement, values | {"rows": HOUSEKEEPING_ROWS}).rowcount < HOUSEKEEPING_ROWS:
                break
    return _count(connection)


def _count(connection: Connection) -> Backlog:
    rows, oldest_s = connection.execute(_BACKLOG).one()
    return Backlog(rows, float(oldest_s))

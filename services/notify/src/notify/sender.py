"""The loop that gets messages to the relay: look, claim, send, settle; several at once, each by one process."""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from mercadito_events.inbox import Permanent
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from notify import figures, intents, mail, messages, pause, policy, revocations
from notify.contacts import active_person
from notify.errors import DeliveryError, LeaseLost, Refused, RelayFault, Unrenderable
from notify.kinds import kinds
from notify.messages import Claimed, Lease
from notify.policy import Outcome, State
from notify.rendering import Hub, render
from notify.smtp import Envelope, Relay, conversation

PARALLEL_SENDS = 4
IDLE_POLL_S = 0.4
DATABASE_DOWN_POLL_S = 2.0
HOUSEKEEPING_EVERY_S = 10.0
# A dead sender's message is free again after this long; a living one renews it three times meanwhile.
LEASE_S = 15.0
# An outcome that cannot be recorded is kept for as long, and tried again: forgotten, the mail would be sent twice.
SETTLE_AGAIN_S = 0.5
SETTLE_PATIENCE_S = 300.0
# After SIGTERM; what is still under way then is left to its lease.
DRAIN_S = 25.0

# Down, restarting, read-only, full, locked, out of connections: it passes. A ProgrammingError does not, and ends us.
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeout)

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """Everything a mail needs beside its message: who writes, from where, by which relay."""

    hub: Hub
    sender: mail.Sender
    domain: str
    relay: Relay


@dataclass(slots=True)
class _Hand:
    """The messages under way in this process."""

    tasks: dict[asyncio.Task[None], int] = field(default_factory=dict)
    """Each with the id of its message."""

    @property
    def free(self) -> int:
        return PARALLEL_SENDS - len(self.tasks)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(self.tasks.values())


class Sender:
    """Send what is due until told to stop; then finish what is in hand.

    Any number of these may run, in as many processes: the lease decides who sends what.
    """

    def __init__(self, engine: Engine, post: Post, *, lease_s: float = LEASE_S) -> None:
        self._engine = engine
        self._post = post
        self._lease = Lease(str(uuid.uuid4()), timedelta(seconds=lease_s))
        self._hand = _Hand()
        self._dice = random.Random()
        # Of its own: name look-ups that hang would otherwise use up the threads that mark and settle.
        self._threads = ThreadPoolExecutor(PARALLEL_SENDS, thread_name_prefix="notify-sender")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; returns when the last message in hand is settled or ``DRAIN_S`` has passed."""
        beat = asyncio.create_task(self._beat())
        try:
            while not stop.is_set():
                await _either(stop, self._hand.tasks, await self._turn())
            await self._drain()
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)
            self._threads.shutdown(wait=False)

    async def _turn(self) -> float:
        """Look once; return after how many seconds to look again at the latest."""
        try:
            found, claimed = await self._in_thread(partial(self._look, self._hand.ids))
        except DATABASE_AWAY as problem:
            _log.warning("database_away", problem=type(problem).__name__)
            return DATABASE_DOWN_POLL_S
        for message in claimed:
            task = asyncio.create_task(self._handle(message))
            self._hand.tasks[task] = message.id
            task.add_done_callback(self._hand.tasks.pop)
        return 0.0 if self._hand.free and (claimed or found) else IDLE_POLL_S

    def _look(self, in_hand: Collection[int]) -> tuple[bool, list[Claimed]]:
        with self._engine.begin() as connection:
            expanded = intents.expand(connection, domain=self._post.domain)
            relay = pause.current(connection)
            # After a fault one message goes ahead; the others follow when it was taken.
            limit = self._hand.free if not relay.faults else int(not self._hand.tasks)
            if relay.left_s or not limit:
                return False, []
            return bool(expanded.queued), messages.claim(connection, self._lease, limit, in_hand)

    async def _handle(self, message: Claimed) -> None:
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(event_id=message.event_id, message_id=message.message_id):
            try:
                await self._attempt(message)
            except LeaseLost:
                figures.LEASES_LOST.inc()
                _log.warning("lease_lost")
            except DATABASE_AWAY as problem:
                # The lease ends by itself, and what the row says by then decides.
                _log.warning("outcome_not_recorded", problem=type(problem).__name__)
            except Exception:  # noqa: BLE001 - the outermost frame of a message: others go on, it comes back by its lease
                _log.exception("attempt_crashed")
        figures.ATTEMPT_S.observe(time.monotonic() - began)

    async def _attempt(self, message: Claimed) -> None:
        final = policy.before_attempt(attempts=message.attempts, unanswered=message.unanswered, expired=message.expired)
        if final is not None:
            return await self._settle(message, final)
        try:
            envelope = await self._in_thread(lambda: self._envelope(message))
        except Unrenderable as problem:
            _log.error("alarm_unrenderable", problem=str(problem))
            return await self._settle(message, policy.unsendable(str(problem), message.unanswered))
        try:
            async with conversation(self._post.relay) as session:
                await session.submit(envelope, lambda: self._mark_dot(message, envelope.raw))
                # Before the goodbye: what is accepted but not recorded is what gets sent twice.
                await self._settle(message, policy.accepted(), relay_answers=True)
        except DeliveryError as error:
            await self._after(message, error)
        return None

    async def _after(self, message: Claimed, error: DeliveryError) -> None:
        if isinstance(error, RelayFault):
            faults = await self._transaction(lambda connection: pause.pause(connection, str(error), self._dice))
            if faults is not None:
                figures.RELAY_FAULTS.inc()
                _log.error("alarm_queue_paused", reason=str(error), faults=faults)
        outcome = policy.after_error(error, attempts=message.attempts, unanswered=message.unanswered, dice=self._dice)
        await self._settle(message, outcome, relay_answers=isinstance(error, Refused))

    def _envelope(self, message: Claimed) -> Envelope:
        if message.raw is not None:
            return mail.again(message.raw)
        with self._engine.begin() as connection:
            reader = active_person(connection, message.person_id)
        if reader is None:
            raise Unrenderable("the person is no longer active")
        try:
            kind = kinds()[message.kind]
            about = kind.reading.of(message.data)
        except (KeyError, Permanent) as problem:
            raise Unrenderable(f"this version cannot read what it is about: {problem}") from problem
        words = render(kind, about, reader, self._post.hub)
        return mail.compose(
            words, sender=self._post.sender, reader=reader, message_id=message.message_id, at=datetime.now(UTC)
        )

    async def _mark_dot(self, message: Claimed, raw: bytes) -> None:
        await self._transaction(lambda connection: messages.mark_dot(connection, self._lease, message, raw))

    async def _settle(self, message: Claimed, outcome: Outcome, *, relay_answers: bool = False) -> None:
        def record(connection: Connection) -> bool:
            resumed = relay_answers and pause.resume(connection)
            messages.settle(connection, self._lease, message, outcome)
            return resumed

        if await self._recorded(record):
            _log.info("queue_flows_again")
        figures.OUTCOMES.labels(message.kind, outcome.state.value).inc()
        if outcome.state is State.SENT:
            figures.QUEUED_S.observe((datetime.now(UTC) - message.created_at).total_seconds())
        _log.info("attempt_settled", state=outcome.state.value, reason=outcome.reason, attempts=message.attempts)

    async def _recorded(self, record: Callable[[Connection], bool]) -> bool:
        """Record an outcome, if need be once the database is back; the message stays in hand until then."""
        give_up_at = time.monotonic() + SETTLE_PATIENCE_S
        while True:
            try:
                return await self._transaction(record)
            except DATABASE_AWAY as problem:
                if time.monotonic() >= give_up_at:
                    raise
                _log.warning("database_away", problem=type(problem).__name__)
            await asyncio.sleep(SETTLE_AGAIN_S)

    async def _beat(self) -> None:
        """Renew the leases of what is in hand, and now and then expire and measure."""
        tidied_at = 0.0
        while True:
            with contextlib.suppress(SQLAlchemyError):  # the next beat tries again; the lease allows for two misses
                if in_hand := self._hand.ids:
                    await self._transaction(partial(messages.renew, lease=self._lease, in_hand=in_hand))
                if time.monotonic() - tidied_at >= HOUSEKEEPING_EVERY_S:
                    await self._transaction(_keep_house)
                    tidied_at = time.monotonic()
            await asyncio.sleep(self._lease.length.total_seconds() / 4)

    async def _drain(self) -> None:
        if self._hand.tasks:
            _, late = await asyncio.wait([*self._hand.tasks], timeout=DRAIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _transaction(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await self._in_thread(run)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _keep_house(connection: Connection) -> None:
    for state in messages.expire(connection):
        _log.warning("message_expired", state=state)
    intents.forget_links(connection)
    intents.forget_old(connection)
    revocations.forget_expired(connection)
    figures.measure(connection)


async def _either(stop: asyncio.Event, tasks: Collection[asyncio.Task[None]], timeout_s: float) -> None:
    """Wait for the stop, for a message in hand to be done, or for the time to pass."""
    if timeout_s <= 0:
        return
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopped, *tasks}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()

"""The loop that gets messages to the relay: look, claim, send, settle; several at once, each by one process."""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from mercadito_events.service import tracing
from mercadito_events.service.beats import beat
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from notify import figures, revocations
from notify.errors import DeliveryError, LeaseLost, Refused, RelayFault, Unrenderable, Withheld
from notify.kinds import kinds
from notify.outages import DATABASE_AWAY
from notify.queueing import alarms, attempts, dead_letters, intents, messages, pause, policy, rates
from notify.queueing.attempts import Met, Phase
from notify.queueing.messages import NOTHING_TRIED, Claimed, Dotted, Lease, Settlement, Terms
from notify.queueing.pause import FLOWS, Pause
from notify.queueing.policy import Outcome, State
from notify.recipients import admission, ordered
from notify.recipients.admission import HeldBack, Later
from notify.recipients.contacts import Contact, active_people
from notify.sending.hand import Hand
from notify.sending.kept import KeptConnection
from notify.sending.ledger import Ledger
from notify.sending.post import Post
from notify.sending.routes import Routes
from notify.sending.scribe import Scribe
from notify.sending.sight import Sight
from notify.sending.smtp import Envelope, words_of
from notify.writing.pictures import Pictures

IDLE_POLL_S = 0.4
DATABASE_DOWN_POLL_S = 2.0
HOUSEKEEPING_EVERY_S = 10.0
ALARMS_EVERY_S = 60.0
# For each connection so many messages are in hand: one on its way, the others written meanwhile, so that none waits.
IN_HAND_EACH = 4
# Looking, recording dots, recording outcomes, giving signs of life, writing mails, chores.
THREADS = 6
# A dead sender's message is free again after this long; a living one renews it three times meanwhile.
LEASE_S = 15.0
# An outcome that cannot be recorded is kept for as long, and tried again: forgotten, the mail would be sent twice.
SETTLE_AGAIN_S = 0.5
SETTLE_PATIENCE_S = 300.0
# What is held back in hold mode, and meets an address that is not the one it was claimed for.
HELD_S = 60.0
# What others may have handed over is taken on only by who has seen the database for so many leases without a gap.
SEEN_LEASES = 2
SIGHT_GAP_S = 2.0
# A message that waited longer in hand is asked about once more when its turn comes.
ASK_AGAIN_AFTER_S = 5.0
# After SIGTERM; what is still under way then is left to its lease.
DRAIN_S = 25.0

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look at the database brought."""

    claimed: Sequence[Claimed] = ()
    readers: Mapping[str, Contact] = field(default_factory=dict)
    verdicts: Mapping[int, HeldBack | Later] = field(default_factory=dict)
    """What may not go now, and why."""
    again_in_s: float | None = IDLE_POLL_S
    """When to look again; None: as soon as there is room."""


class Sender:
    """Send what is due until told to stop; then finish what is in hand.

    Any number of these may run, in as many processes: the lease decides who sends what.
    """

    def __init__(self, engine: Engine, post: Post, *, lease_s: float = LEASE_S) -> None:
        self._engine = engine
        self._looking, self._settling = KeptConnection(engine), KeptConnection(engine)
        # Each dot is a transaction of its own: neither BEGIN nor COMMIT has to be said and waited for.
        self._marking = KeptConnection(engine.execution_options(isolation_level="AUTOCOMMIT"))
        self._post = post
        self._lease = Lease(str(uuid.uuid4()), timedelta(seconds=lease_s))
        connections = post.bounds.connections
        self._hand = Hand(IN_HAND_EACH * connections, enough=connections)
        self._routes = Routes(post.relays, post.bounds, figures.phase_took)
        self._ledger = Ledger(self._by(self._marking), self._by(self._settling), self._lease)
        self._scribe = Scribe(post, Pictures(engine), self._in_thread)
        self._dice = random.Random()
        self._sight = Sight(max(SIGHT_GAP_S, lease_s / 2))
        # Of its own: name look-ups that hang would otherwise use up the threads that mark and settle.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="notify-sender")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; returns when the last message in hand is settled or ``DRAIN_S`` has passed."""
        look_for_alarms = partial(alarms.look, relays=[relay.name for relay in self._post.relays])
        keep_house = partial(_keep_house, mode=self._post.mode)
        # Apart from the beat: no chore may keep the leases from being renewed.
        chores = self._every(HOUSEKEEPING_EVERY_S, keep_house), self._every(ALARMS_EVERY_S, look_for_alarms)
        beside = [asyncio.create_task(each) for each in (self._beat(), self._wake_at(stop), *chores)]
        try:
            while not stop.is_set():
                wait_s = await self._turn()
                beat("sender")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._hand.room.wait()
                self._hand.room.clear()
            await self._drain()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._routes.close()
            for kept in (self._looking, self._marking, self._settling):
                kept.end()
            self._threads.shutdown(wait=False)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._hand.room.set()

    async def _turn(self) -> float:
        """Look once; return after how many seconds to look again at the latest."""
        self._routes.close_idle()
        self._hand.room.clear()
        try:
            look = partial(self._look, in_hand=self._hand.ids)
            found = await self._in_thread(partial(self._looking.run, look))
        except DATABASE_AWAY as problem:
            self._sight.lost()
            _log.warning("database_away", problem=type(problem).__name__)
            return DATABASE_DOWN_POLL_S
        self._sight.held()
        for message in found.claimed:
            reader, verdict = found.readers.get(message.person_id), found.verdicts.get(message.id)
            task = asyncio.create_task(self._handle(message, reader, verdict))
            self._hand.take(task, message.id)
        if found.again_in_s is not None:
            return found.again_in_s
        return 0.0 if self._hand.free >= self._hand.enough else IDLE_POLL_S

    def _look(self, connection: Connection, *, in_hand: Collection[int]) -> _Found:
        expanded = intents.expand(connection, domain=self._post.domain)
        self._routes.learn(pause.current(connection))
        room = self._routes.room(self._hand.most - len(in_hand), len(in_hand))
        if not room:
            return _Found()
        allowed = rates.allowance(connection, self._post.rates)
        with_dots = self._sight.lasts(SEEN_LEASES * self._lease.length.total_seconds())
        terms = Terms(room, self._routes.away, allowed, self._post.only_to, with_dots)
        claimed = messages.claim(connection, self._lease, terms, in_hand)
        rates.spend(connection, self._post.rates, [message.domain for message in claimed])
        readers = active_people(connection, [message.person_id for message in claimed])
        verdicts = self._judge(connection, claimed)
        if expanded.queued or (claimed and len(claimed) == min(room, allowed.mails)):
            again_in_s = None if len(claimed) < allowed.mails else allowed.again_in_s
        else:
            again_in_s = min(IDLE_POLL_S, allowed.again_in_s or IDLE_POLL_S)
        return _Found(claimed, readers, verdicts, again_in_s)

    def _judge(self, connection: Connection, claimed: Sequence[Claimed]) -> Mapping[int, HeldBack | Later]:
        abouts = {message.id: message.data for message in claimed}
        if not abouts:
            return {}
        return admission.judge(connection, abouts, quiet=self._post.quiet, zone=self._post.hub.time_zone)

    async def _handle(self, message: Claimed, reader: Contact | None, verdict: HeldBack | Later | None) -> None:
        began = time.monotonic()
        tracing.adopt(message.traceparent)
        with structlog.contextvars.bound_contextvars(event_id=message.event_id, message_id=message.message_id):
            try:
                await self._attempt(message, reader, verdict)
            except LeaseLost:
                figures.LEASES_LOST.inc()
                _log.warning("lease_lost")
            except DATABASE_AWAY as problem:
                # The lease ends by itself, and what the row says by then decides.
                _log.warning("outcome_not_recorded", problem=type(problem).__name__)
            except Exception:  # noqa: BLE001 - the outermost frame of a message: others go on, it comes back by its lease
                _log.exception("attempt_crashed")
        figures.ATTEMPT_S.observe(time.monotonic() - began)

    async def _attempt(self, message: Claimed, reader: Contact | None, verdict: HeldBack | Later | None) -> None:
        final = _not_now(message, verdict)
        if final is not None:
            return await self._settle(message, final)
        try:
            envelope = await self._scribe.written(message, reader)
        except Unrenderable as problem:
            _log.error("alarm_unrenderable", problem=str(problem))
            met = Met(Phase.WRITING, answer=str(problem))
            return await self._settle(message, policy.unsendable(str(problem), message.unanswered), met)
        if self._post.only_to is not None and envelope.recipient.lower() not in self._post.only_to:
            # The address was another one when it was claimed, or when the mail was written.
            held = Outcome(State.QUEUED, "held", HELD_S, message.unanswered, attempt_counts=False)
            return await self._settle(message, held)
        try:
            return await self._hand_over(message, envelope)
        except Withheld:
            final = _not_now(message, (await self._verdicts(message)).get(message.id))
            # What has changed its mind again within these milliseconds is asked about anew.
            again = Outcome(State.QUEUED, None, unanswered=message.unanswered, attempt_counts=False)
            return await self._settle(message, final or again)

    async def _hand_over(self, message: Claimed, envelope: Envelope) -> None:
        began = time.monotonic()
        error: DeliveryError = RelayFault("no relay can be used now")
        met, answered_by = NOTHING_TRIED, None
        turn = partial(self._at_turn, message)
        for name in self._routes.choices(only=message.given_to if message.unanswered else None):
            with self._routes.by(name) as way:
                try:
                    with tracing.span(f"smtp {message.kind}", "client", relay=name):
                        reply = await way.submit(envelope, partial(self._mark_dot, message, envelope.raw, name), turn)
                except DATABASE_AWAY:
                    if met is NOTHING_TRIED:
                        raise
                    break  # before this relay had anything: what the one before it said holds
                except DeliveryError as problem:
                    met, error = attempts.failed(problem, way.relay.host), problem
                    answered_by = name if _is_of_message(problem) else None
                    fault = self._routes.fault_in(name, problem, domain=message.domain, mail=message.id)
                    if fault is not None:
                        await self._pause(name, fault)
                    if not policy.may_go_elsewhere(problem):
                        break
                    error = fault or problem
                else:
                    met = attempts.accepted(way.relay.host, reply.code, words_of(reply))
                    met = met.lasting(time.monotonic() - began)
                    return await self._settle(message, policy.accepted(), met, answered_by=name)
        met = met.lasting(time.monotonic() - began)
        return await self._settle(message, self._after(message, error), met, answered_by=answered_by)

    def _after(self, message: Claimed, error: DeliveryError) -> Outcome:
        return policy.after_error(
            error,
            attempts=message.attempts,
            unanswered=message.unanswered,
            dice=self._dice,
            most_unanswered=_most_unanswered(message.kind),
            doubts=message.doubts,
        )

    async def _pause(self, relay: str, problem: RelayFault) -> None:
        reason, faults = str(problem), None
        try:
            faults = await self._transaction(
                lambda connection: pause.pause(connection, relay, reason, self._dice, in_doubt=problem.in_doubt)
            )
        except DATABASE_AWAY as away:
            # What the relay said of the message is kept until the database is back, and must not be lost for this.
            _log.warning("pause_not_recorded", relay=relay, reason=reason, problem=type(away).__name__)
        self._routes.note(relay, Pause(faults or 1, reason, pause.FIRST_PAUSE_S))
        if faults is not None:
            figures.RELAY_FAULTS.labels(relay).inc()
            _log.error("alarm_queue_paused", relay=relay, reason=reason, faults=faults)

    async def _at_turn(self, message: Claimed) -> None:
        """Look once more at what has waited long for its turn: much may have happened meanwhile."""
        waited = message.in_hand_s > ASK_AGAIN_AFTER_S
        if _not_now(message, (await self._verdicts(message)).get(message.id) if waited else None) is not None:
            raise Withheld

    async def _verdicts(self, message: Claimed) -> Mapping[int, HeldBack | Later]:
        return await self._transaction(partial(self._judge, claimed=[message]))

    async def _mark_dot(self, message: Claimed, raw: bytes, relay: str) -> None:
        if message.is_late:
            raise Withheld
        if not await self._ledger.mark(Dotted(message, raw, relay)):
            raise LeaseLost(f"message {message.id} before its dot")

    async def _settle(
        self, message: Claimed, outcome: Outcome, met: Met = NOTHING_TRIED, *, answered_by: str | None = None
    ) -> None:
        recovered = answered_by if answered_by and self._routes.had_faults(answered_by) else None
        if not await self._recorded(Settlement(message, outcome, met, recovered)):
            raise LeaseLost(f"message {message.id} before its outcome")
        if recovered or (answered_by and outcome.state is State.SENT):
            self._routes.took_one(str(answered_by))
        if recovered:
            self._routes.note(recovered, FLOWS)
            _log.info("queue_flows_again", relay=recovered)
        figures.ended(message.kind, outcome.state.value)
        if outcome.state is State.SENT:
            figures.QUEUED_S.observe((datetime.now(UTC) - message.created_at).total_seconds())
        _log.info("attempt_settled", state=outcome.state.value, reason=outcome.reason, attempts=message.attempts)

    async def _recorded(self, settlement: Settlement) -> bool:
        """Record an outcome, if need be once the database is back; the message stays in hand until then."""
        give_up_at = time.monotonic() + SETTLE_PATIENCE_S
        while True:
            try:
                return await self._ledger.settle(settlement)
            except DATABASE_AWAY as problem:
                if time.monotonic() >= give_up_at:
                    raise
                _log.warning("database_away", problem=type(problem).__name__)
            await asyncio.sleep(SETTLE_AGAIN_S)

    async def _beat(self) -> None:
        """Renew the leases of what is in hand."""
        while True:
            with contextlib.suppress(SQLAlchemyError):  # the next beat tries again; the lease allows for two misses
                if in_hand := self._hand.ids:
                    await self._transaction(partial(messages.renew, lease=self._lease, in_hand=in_hand))
            await asyncio.sleep(self._lease.length.total_seconds() / 4)

    async def _every(self, seconds: float, chore: Callable[[Connection], None]) -> None:
        """Do a chore now and then; one that stumbles is told, and tried again the next time."""
        while True:
            try:
                await self._transaction(chore)
            except SQLAlchemyError as problem:
                _log.warning("chore_not_done", problem=type(problem).__name__)
            except Exception:  # noqa: BLE001 - one mistake shall not end all chores
                _log.exception("alarm_chore_crashed")
            await asyncio.sleep(seconds)

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

    def _by(self, kept: KeptConnection) -> Callable[[Callable[[Connection], T]], Awaitable[T]]:
        return lambda work: self._in_thread(partial(kept.run, work))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _not_now(message: Claimed, verdict: HeldBack | Later | None) -> Outcome | None:
    final = policy.before_attempt(
        attempts=message.attempts,
        unanswered=message.unanswered,
        expired=message.expired or message.is_late,
        most_unanswered=_most_unanswered(message.kind),
    )
    if final is not None:
        return final
    match verdict:
        case HeldBack(reason):
            return policy.held_back(reason)
        case Later(reason, delay_s):
            return policy.kept_for_the_morning(reason, delay_s)
        case None:
            return None


def _is_of_message(error: DeliveryError) -> bool:
    return isinstance(error, Refused) and not policy.speaks_against_relay(error)


def _most_unanswered(kind: str) -> int:
    known = kinds().get(kind)
    return policy.MAX_UNANSWERED if known is None or known.again_when_unanswered else policy.UNANSWERED_ONCE


def _keep_house(connection: Connection, mode: str) -> None:
    for kind, state in messages.expire(connection):
        figures.ended(kind, state)
        _log.warning("message_expired", kind=kind, state=state)
    intents.forget_links(connection)
    intents.forget_old(connection)
    dead_letters.forget(connection)
    revocations.forget_expired(connection)
    rates.forget_full(connection)
    ordered.forget_old(connection)
    figures.measure(connection, mode)

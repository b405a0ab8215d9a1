"""Two processes and a database that was away: what one of them knows to be taken, the other does not send again."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from notify.queueing import intents, pause
from notify.queueing import messages as messages_
from notify.queueing.messages import Claimed, Dotted, Lease, Settlement, Terms
from notify.queueing.policy import Outcome, State, accepted
from notify.sending import sender
from outgoing import Eventually, know, messages, placed, record, sending, settled
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from world import DOMAIN

MINE, YOURS = (Lease(str(uuid.uuid4()), timedelta(seconds=10)) for _ in range(2))


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The database, away for all processes while this holds something."""
    away: list[bool] = []

    def unless_away(work: Callable[..., Any]) -> Callable[..., Any]:
        def try_it(*words: Any, **more: Any) -> Any:
            if away:
                raise OperationalError("SELECT", {}, Exception("gone"))
            return work(*words, **more)

        return try_it

    for module, name in ((messages_, "settle"), (messages_, "renew"), (messages_, "mark_dots"), (pause, "current")):
        monkeypatch.setattr(module, name, unless_away(getattr(module, name)))
    monkeypatch.setattr(sender, "DATABASE_DOWN_POLL_S", 0.03)
    return away


async def test_what_was_taken_while_the_database_was_away_is_not_sent_again_by_another(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, outage: list[bool]
) -> None:
    know(engine)
    record(engine, placed())
    relay.before_answer = lambda: outage.append(True)
    async with sending(engine, relay.port, lease_s=1), sending(engine, relay.port, lease_s=1):
        await asyncio.to_thread(eventually, lambda: relay.taken)
        relay.before_answer = None
        await asyncio.to_thread(eventually, lambda: _has_lapsed(engine))
        outage.clear()
        (row,) = await settled(engine, eventually, "sent")
    assert (len(relay.taken), row.attempts, row.unanswered) == (1, 1, 0)


def _has_lapsed(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM messages WHERE lease_until < now()")))


def claim(engine: Engine, lease: Lease, **terms: Any) -> list[Claimed]:
    with engine.begin() as connection:
        return messages_.claim(connection, lease, Terms(5, **terms))


def mark(engine: Engine, lease: Lease, message: Claimed) -> bool:
    with engine.begin() as connection:
        return bool(messages_.mark_dots(connection, lease, [Dotted(message, b"x\r\n", pause.PRIMARY)]))


def settle(engine: Engine, lease: Lease, message: Claimed, outcome: Outcome) -> bool:
    with engine.begin() as connection:
        return bool(messages_.settle(connection, lease, [Settlement(message, outcome)]))


@pytest.fixture
def lapsed(engine: Engine) -> Claimed:
    """A message that one has dotted, whose lease ran out."""
    know(engine)
    record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain=DOMAIN)
    (message,) = claim(engine, MINE)
    assert mark(engine, MINE, message)
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET lease_until = now()"))
    return message


def test_who_has_not_seen_the_database_for_long_takes_over_no_dot(engine: Engine, lapsed: Claimed) -> None:
    assert claim(engine, YOURS, with_dots=False) == []
    assert [message.id for message in claim(engine, YOURS)] == [lapsed.id]


def test_what_another_has_not_dotted_yet_is_sent_once_the_answer_is_known(engine: Engine, lapsed: Claimed) -> None:
    (theirs,) = claim(engine, YOURS)
    assert settle(engine, MINE, lapsed, accepted())
    assert not mark(engine, YOURS, theirs)
    assert not settle(engine, YOURS, theirs, Outcome(State.DEFERRED, "x", unanswered=1))
    assert [row.state for row in messages(engine)] == ["sent"]


@pytest.mark.parametrize("state", [State.DEFERRED, State.UNKNOWN])
def test_what_another_put_back_or_gave_up_is_sent_once_the_answer_is_known(
    engine: Engine, lapsed: Claimed, state: State
) -> None:
    (theirs,) = claim(engine, YOURS)
    assert settle(engine, YOURS, theirs, Outcome(state, "x", unanswered=theirs.unanswered))
    assert settle(engine, MINE, lapsed, accepted())
    assert [row.state for row in messages(engine)] == ["sent"]


def test_what_another_has_dotted_is_settled_by_that_one(engine: Engine, lapsed: Claimed) -> None:
    (theirs,) = claim(engine, YOURS)
    assert mark(engine, YOURS, theirs)
    assert not settle(engine, MINE, lapsed, accepted())


def test_what_staff_have_sent_again_is_not_settled_by_an_answer_of_before(engine: Engine, lapsed: Claimed) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET state = 'queued', phase = 'none', lease_until = NULL"))
    assert not settle(engine, MINE, lapsed, accepted())


def test_no_outcome_but_that_of_a_taken_mail_counts_from_who_lost_it(engine: Engine, lapsed: Claimed) -> None:
    claim(engine, YOURS)
    assert not settle(engine, MINE, lapsed, Outcome(State.FAILED, "550"))

"""The sender against a relay that fails in every phase."""

import asyncio
import random

import pytest
from faulty_relay import FaultyRelay
from notify.queueing import pause
from outgoing import Eventually, events, know, placed, record, sending, settled
from sqlalchemy import Engine


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("rcpt_450", ("deferred", "450 to RCPT")),
        ("rcpt_421", ("deferred", "421 to RCPT")),
        ("mail_451", ("deferred", "451 to MAIL")),
        ("dot_451", ("deferred", "451 to the message")),
        ("drop_at_data", ("deferred", "lost before the final dot")),
        ("rcpt_550", ("failed", "550 to RCPT")),
        ("data_554", ("deferred", "554 to DATA")),
        ("denied", ("deferred", "554 to RCPT")),
        ("dot_552", ("failed", "552 to the message")),
    ],
)
async def test_the_relays_answer_decides(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, script: str, expected: tuple[str, str]
) -> None:
    state, reason = expected
    relay.scripts = [script]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, state)
    assert row.reason.startswith(reason)
    assert "rosa" not in row.reason
    assert (row.attempts, row.unanswered, row.raw) == (1, 0, None)
    assert relay.taken == []
    ((kind, told),) = events(engine)
    assert kind == f"notify.email.{state}.v1"
    assert told["reason"] == row.reason


@pytest.mark.parametrize("script", ["rcpt_450", "rcpt_421", "mail_451", "dot_451", "drop_at_data"])
async def test_what_was_surely_not_taken_is_sent_later_once(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None, script: str
) -> None:
    relay.scripts = [script, script, "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 3
    assert len(relay.taken) == 1


async def test_a_connection_that_breaks_within_the_message_costs_one_more_attempt(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["drop_mid_data", "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 2
    assert len(relay.taken) == 1


@pytest.mark.parametrize(
    "script",
    [
        "drop_before_greeting",
        "hang_before_greeting",
        "greeting_421",
        "greeting_554",
        "babble",
        "mail_553",
        "mail_421",
        "endless_reply",
    ],
)
async def test_a_fault_of_the_relay_costs_no_attempt(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None, script: str
) -> None:
    relay.scripts = [script, script, "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 1
    assert len(relay.taken) == 1
    assert [kind for kind, _ in events(engine)] == ["notify.email.sent.v1"]


async def test_the_queue_pauses_longer_with_each_fault_and_tries_one_message_at_a_time(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_S", 0.05)
    relay.scripts = ["greeting_421"]
    with engine.begin() as connection:
        assert pause.pause(connection, pause.PRIMARY, "an earlier fault", random.Random(1)) == 1
    know(engine)
    for _ in range(5):
        record(engine, placed())

    def faults() -> int:
        with engine.connect() as connection:
            return pause.current(connection)[pause.PRIMARY].faults

    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: faults() >= 4)
        # One connection for each fault after the first, and perhaps one under way: not one for each message.
        tried = relay.connections
        assert 3 <= tried <= faults()
        relay.scripts = ["accept"]
        await settled(engine, eventually, "sent", number=5)
    assert faults() == 0
    assert len(relay.taken) == 5


async def test_a_relay_that_is_down_for_a_while_loses_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.stop()
    know(engine)
    for _ in range(3):
        record(engine, placed())
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: paused(engine))
        relay.start()
        rows = await settled(engine, eventually, "sent", number=3)
    assert [row.attempts for row in rows] == [1, 1, 1]
    assert len(relay.taken) == 3


def paused(engine: Engine) -> bool:
    with engine.connect() as connection:
        return pause.current(connection)[pause.PRIMARY].faults >= 2


@pytest.mark.parametrize("script", ["drop_after_dot", "hang_after_dot"])
async def test_an_unanswered_dot_is_tried_once_more_with_the_same_bytes(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None, script: str
) -> None:
    relay.scripts = [script, "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    first, second = relay.taken
    assert first.raw == second.raw
    assert (row.attempts, row.raw) == (2, None)
    assert [kind for kind, _ in events(engine)] == ["notify.email.deferred.v1", "notify.email.sent.v1"]


async def test_two_unanswered_dots_are_left_to_a_person(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["drop_after_dot"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "unknown")
    assert len(relay.taken) == 2
    assert row.raw is None, "nobody needs the bytes any more, and they hold names and an address"
    assert events(engine)[-1][0] == "notify.email.failed.v1"
    assert events(engine)[-1][1]["reason"].startswith("unknown: lost after the final dot")


async def test_a_refusal_after_an_unanswered_dot_does_not_claim_that_nothing_arrived(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["drop_after_dot", "rcpt_550"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "unknown")
    assert "550" in row.reason


@pytest.mark.parametrize("script", ["drop_after_250", "hang_after_250"])
async def test_what_happens_after_the_250_changes_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, script: str
) -> None:
    relay.scripts = [script]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    assert len(relay.taken) == row.attempts == 1


async def test_a_relay_that_drips_is_left_at_the_deadline(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["drip", "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 1
    assert relay.connections == 2


async def test_one_hanging_message_does_not_hold_up_the_others(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    relay.scripts = ["hang_after_dot", "accept"]
    know(engine)
    for _ in range(3):
        record(engine, placed())
    async with sending(engine, relay.port):
        rows = await settled(engine, eventually, "sent", number=2)
    assert len([row for row in rows if row.state == "sent"]) == 2

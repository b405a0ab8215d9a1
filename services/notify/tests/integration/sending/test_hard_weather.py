"""What relays do on their bad days, and clocks that jump."""

import asyncio
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from faulty_relay import FaultyRelay
from notify.queueing import pause
from notify.sending import sender
from outgoing import Eventually, know, messages, placed, record, sending, settled
from sqlalchemy import Engine


async def test_greylisting_costs_a_wait_and_nothing_else(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["greylist"]
    for number in range(3):
        know(engine, person_id=f"person-{number}", email=f"p{number}@tienda.example")
    record(engine, placed())
    async with sending(engine, relay.port):
        rows = await settled(engine, eventually, "sent", number=3)
    assert [row.attempts for row in rows] == [2, 2, 2]
    assert len(relay.taken) == 3


async def test_a_storm_of_421_blames_no_message(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["greeting_421", "mail_421", "greeting_421", "mail_421", "full_after_one"]
    know(engine)
    for _ in range(10):
        record(engine, placed())
    async with sending(engine, relay.port):
        rows = await settled(engine, eventually, "sent", number=10)
    assert [row.attempts for row in rows] == [1] * 10
    assert len(relay.taken) == 10


@pytest.mark.parametrize(("script", "state"), [("rcpt_452", "deferred"), ("rcpt_552", "failed")])
async def test_a_full_mailbox_is_the_readers_alone(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, script: str, state: str
) -> None:
    relay.scripts = [script]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, state)
    with engine.connect() as connection:
        assert pause.current(connection)[pause.PRIMARY].faults == 0


async def test_encryption_that_somebody_strips_off_holds_the_queue_and_nothing_leaves(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    know(engine)
    record(engine, placed())

    def reason() -> str:
        with engine.connect() as connection:
            return pause.current(connection)[pause.PRIMARY].reason or ""

    async with sending(engine, relay.port, starttls=True, user="hub", password="secret"):
        await asyncio.to_thread(eventually, lambda: "STARTTLS is required" in reason())
    (row,) = messages(engine)
    assert (row.state, row.attempts, relay.taken) == ("queued", 0, [])


@pytest.mark.parametrize("jump", [timedelta(days=-9_000), timedelta(days=9_000)])
async def test_a_clock_that_jumps_changes_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + jump

    monkeypatch.setattr(sender, "datetime", Jumped)
    know(engine)
    for _ in range(3):
        record(engine, placed())
    async with sending(engine, relay.port), sending(engine, relay.port):
        rows = await settled(engine, eventually, "sent", number=3)
    assert [row.attempts for row in rows] == [1, 1, 1]
    assert len(relay.taken) == 3

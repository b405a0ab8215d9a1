"""A second relay takes what the first cannot; what the first may have taken waits for the first."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.testing import free_port
from notify.kinds import kinds
from notify.queueing import messages as messages_
from notify.queueing import pause
from notify.queueing.messages import Dotted, Lease
from outgoing import Eventually, events, know, messages, placed, record, sending, settled
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from world import relay as relay_at


async def test_what_the_first_cannot_take_leaves_by_the_second_at_once(
    engine: Engine, second: FaultyRelay, eventually: Eventually
) -> None:
    relays = [relay_at(free_port()), relay_at(second.port, name="secondary", host="localhost")]
    know(engine)
    for _ in range(3):
        record(engine, placed())
    async with sending(engine, 0, relays=relays):
        rows = await settled(engine, eventually, "sent", number=3)
    assert [(row.attempts, row.given_to) for row in rows] == [(1, "secondary")] * 3
    assert len(second.taken) == 3
    with engine.connect() as connection:
        assert pause.current(connection)["primary"].faults >= 1


async def test_what_the_first_said_is_kept_where_the_database_goes_before_the_second_is_asked(
    engine: Engine, relay: FaultyRelay, second: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = messages_.mark_dots

    def away_for_the_second(connection: Connection, lease: Lease, dotted: Sequence[Dotted]) -> Collection[int]:
        if any(one.relay == "secondary" for one in dotted):
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return mark(connection, lease, dotted)

    monkeypatch.setattr(messages_, "mark_dots", away_for_the_second)
    relay.scripts = ["spent"]
    know(engine)
    record(engine, placed())
    relays = [relay_at(relay.port), relay_at(second.port, name="secondary")]
    async with sending(engine, 0, relays=relays):
        (row,) = await settled(engine, eventually, "deferred")
    assert (row.attempts, row.unanswered, "sending is paused" in row.reason) == (1, 0, True)
    assert not second.taken


async def test_a_first_one_that_recovers_is_preferred_again(
    engine: Engine, relay: FaultyRelay, second: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["greeting_421", "accept"]
    relays = [relay_at(relay.port), relay_at(second.port, name="secondary")]
    know(engine)
    async with sending(engine, 0, relays=relays):
        record(engine, placed())
        await settled(engine, eventually, "sent")
        with engine.begin() as connection:
            connection.execute(text("UPDATE relays SET paused_until = now()"))
        record(engine, placed())
        rows = await settled(engine, eventually, "sent", number=2)
    assert [row.given_to for row in rows] == ["secondary", "primary"]


async def test_what_the_first_may_have_taken_waits_for_the_first(
    engine: Engine, relay: FaultyRelay, second: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    relay.scripts = ["drop_after_dot", "greeting_421", "accept"]
    relays = [relay_at(relay.port), relay_at(second.port, name="secondary")]
    know(engine)
    record(engine, placed())
    async with sending(engine, 0, relays=relays):
        await settled(engine, eventually, "sent")
    assert second.taken == []
    assert [taken.raw for taken in relay.taken] == [relay.taken[0].raw] * 2


async def test_with_both_away_nothing_is_blamed(
    engine: Engine, second: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    second.stop()
    relays = [relay_at(free_port()), relay_at(second.port, name="secondary")]
    know(engine)
    record(engine, placed())

    def both_tried() -> bool:
        with engine.connect() as connection:
            found = pause.current(connection)
        return all(name in found and found[name].faults >= 2 for name in ("primary", "secondary"))

    async with sending(engine, 0, relays=relays):
        await asyncio.to_thread(eventually, both_tried)
        second.start()
        (row,) = await settled(engine, eventually, "sent")
    assert (row.attempts, len(second.taken)) == (1, 1)


async def test_in_hold_mode_only_the_excepted_addresses_are_written_to(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    know(engine, person_id="person-2", email="Tester@hub.example")
    record(engine, placed())
    async with sending(engine, relay.port, only_to=frozenset({"tester@hub.example"})):
        rows = await settled(engine, eventually, "sent")
    assert {row.person_id: (row.state, row.attempts) for row in rows} == {
        "person-1": ("queued", 0),
        "person-2": ("sent", 1),
    }
    assert [taken.recipient for taken in relay.taken] == ["Tester@hub.example"]
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent", number=2)


async def test_a_kind_of_which_two_do_harm_is_not_tried_again_after_a_silence(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = replace(kinds()["order_confirmation"], again_when_unanswered=False)
    monkeypatch.setitem(kinds(), "order_confirmation", once)
    relay.scripts = ["drop_after_dot", "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "unknown")
    assert (row.attempts, len(relay.taken)) == (1, 1)
    assert [kind for kind, _ in events(engine)] == ["notify.email.failed.v1"]
    # Killed after the dot it is the same.
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE messages SET state = 'sending', phase = 'dot', unanswered = 0, lease_until = now()")
        )
    async with sending(engine, relay.port):
        await settled(engine, eventually, "unknown")
    assert "answer was not seen" in messages(engine)[0].reason
    assert len(relay.taken) == 1

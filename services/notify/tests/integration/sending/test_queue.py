"""From a placed order to messages that are each sent once, with a real database."""

import asyncio
import email
import email.policy
import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.envelope import new_event
from mercadito_events.testing import wait_until
from notify.queueing import intents
from notify.queueing import messages as messages_
from notify.sending import sender
from notify.sending.smtp import Envelope
from notify.writing import mail
from outgoing import Eventually, events, know, messages, placed, record, sending, settled
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from world import QUICK, order


async def test_an_order_becomes_one_mail_in_the_readers_language(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    event = placed(number="4711")
    record(engine, event)
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    (taken,) = relay.taken
    read = email.message_from_bytes(taken.raw, policy=email.policy.default)
    assert "4711" in read["Subject"]
    assert read["Subject"].startswith("Su pedido")
    assert taken.recipient == "rosa@tienda.example"
    assert taken.sender == "orders@mercadito.example"
    assert read["To"] == "Rosa Peña <rosa@tienda.example>"
    assert read["Message-ID"] == row.message_id
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert (row.attempts, row.unanswered, row.phase, row.raw) == (1, 0, "none", None)
    assert events(engine)[0][1]["at"].endswith("Z")
    assert events(engine) == [
        (
            "notify.email.sent.v1",
            {
                "kind": "order_confirmation",
                "person_id": "person-1",
                "order_id": event.data["order_id"],
                "message_id": row.message_id,
                "at": events(engine)[0][1]["at"],
            },
        )
    ]


async def test_everyone_active_of_the_store_gets_a_mail_and_nobody_else(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    know(engine, person_id="person-2", email="sam@tienda.example", locale="en", name="Sam")
    know(engine, person_id="person-3", email="gone@tienda.example", active=False)
    know(engine, person_id="person-4", email="other@tienda.example", store_ids=["store-2"])
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent", number=2)
    assert sorted(one.recipient for one in relay.taken) == ["rosa@tienda.example", "sam@tienda.example"]
    subjects = {
        one.recipient: email.message_from_bytes(one.raw, policy=email.policy.default)["Subject"] for one in relay.taken
    }
    assert subjects["sam@tienda.example"].startswith("Your order")


async def test_the_same_order_told_by_another_event_is_mailed_once(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    data = order()
    for _ in range(2):
        record(engine, new_event("orders.order.placed.v1", data, source="/mercadito/orders"))
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
    assert len(relay.taken) == len(messages(engine)) == 1


async def test_an_order_waits_for_the_people_of_its_store_to_become_known(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine, person_id="elsewhere", store_ids=["store-9"])
    record(engine, placed())
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: waits_for_later(engine))
        assert messages(engine) == []
        know(engine)
        await settled(engine, eventually, "sent")
    assert len(relay.taken) == 1


def waits_for_later(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("SELECT look_at > now() FROM intents WHERE state = 'waiting'")))


async def test_an_order_nobody_can_be_told_of_is_given_up_when_its_time_is_over(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    record(engine, placed())
    with engine.begin() as connection:
        connection.execute(text("UPDATE intents SET expires_at = now()"))
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: intent_states(engine) == ["expired"])
    assert messages(engine) == []


def intent_states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT state FROM intents ORDER BY id")))


async def test_two_senders_share_the_work_and_send_each_mail_once(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    for _ in range(30):
        record(engine, placed())
    async with sending(engine, relay.port), sending(engine, relay.port), sending(engine, relay.port):
        await settled(engine, eventually, "sent", number=30)
    assert len(relay.taken) == 30


@pytest.mark.parametrize("problem", [None, RuntimeError("a mistake"), OperationalError("SELECT", {}, Exception())])
async def test_a_long_conversation_keeps_its_lease_whatever_else_stumbles(
    engine: Engine,
    relay: FaultyRelay,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception | None,
) -> None:
    def stumble(*_: Any) -> None:
        raise problem or AssertionError

    if problem is not None:
        monkeypatch.setattr(sender, "_keep_house", stumble)
        monkeypatch.setattr(sender, "HOUSEKEEPING_EVERY_S", 0.1)
    know(engine)
    record(engine, placed())
    relay.before_answer = lambda: bool(relay.released.wait(3))
    patient = {"lease_s": 1, "timeouts": replace(QUICK, dot_s=10)}
    async with sending(engine, relay.port, **patient), sending(engine, relay.port, **patient):
        (row,) = await settled(engine, eventually, "sent")
    assert len(relay.taken) == row.attempts == 1


async def test_a_message_whose_attempt_crashed_comes_back_while_another_is_under_way(
    engine: Engine, relay: FaultyRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(engine)
    for _ in range(2):
        record(engine, placed())
    compose, composed = mail.compose, itertools.count()

    def crash_once(*words: Any, **more: Any) -> Envelope:
        if next(composed) == 0:
            raise RuntimeError
        return compose(*words, **more)

    monkeypatch.setattr(mail, "compose", crash_once)
    relay.scripts = ["hang_after_dot", "accept"]
    soon = partial(wait_until, timeout_s=8)
    async with sending(engine, relay.port, lease_s=1, timeouts=replace(QUICK, dot_s=60, overall_s=60)):
        try:
            rows = await settled(engine, soon, "sent")
        finally:
            relay.released.set()
    assert sorted(row.state for row in rows) == ["sending", "sent"]


async def test_a_sender_that_could_not_renew_does_not_take_its_own_message_twice(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    def database_away(*_: Any, **__: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("gone"))

    monkeypatch.setattr(messages_, "renew", database_away)
    know(engine)
    record(engine, placed())
    relay.before_answer = lambda: bool(relay.released.wait(3))
    async with sending(engine, relay.port, lease_s=1, timeouts=replace(QUICK, dot_s=10, overall_s=10)):
        (row,) = await settled(engine, eventually, "sent")
    assert len(relay.taken) == row.attempts == 1


async def test_a_mail_taken_while_the_database_is_away_is_not_sent_again(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, tries = messages_.settle, itertools.count()

    def away_at_first(*words: Any) -> Any:
        if next(tries) < 3:
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return settle(*words)

    monkeypatch.setattr(messages_, "settle", away_at_first)
    monkeypatch.setattr(sender, "SETTLE_AGAIN_S", 0.5)
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port, lease_s=1):
        (row,) = await settled(engine, eventually, "sent")
    assert len(relay.taken) == row.attempts == 1


async def test_a_message_that_waited_beyond_its_use_is_not_sent(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain="mail.mercadito.example")
        connection.execute(text("UPDATE messages SET expires_at = now()"))
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "expired")
    assert relay.taken == []
    assert events(engine)[0][0] == "notify.email.failed.v1"
    assert row.settled_at is not None


async def test_a_person_who_left_while_the_mail_waited_gets_none(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain="mail.mercadito.example")
    know(engine, active=False, version=2)
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "failed")
    assert row.reason == "the person is no longer active"
    assert relay.connections == 0


async def test_an_address_nobody_can_write_to_fails_alone(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine, email="a@b,c@d")
    know(engine, person_id="person-2", email="sam@tienda.example")
    record(engine, placed())
    async with sending(engine, relay.port):
        rows = await settled(engine, eventually, "sent")
        rows = await settled(engine, eventually, "failed")
    assert {row.person_id: row.state for row in rows} == {"person-1": "failed", "person-2": "sent"}
    assert "a@b" not in str(rows)

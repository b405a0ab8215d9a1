"""The sender against a relay that fails in every phase, with a real database."""

import asyncio
import contextlib
import email
import email.policy
import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.envelope import Event, new_event
from notify import intents, pause, policy, sender
from notify.contacts import change_contact
from notify.kinds import kinds
from notify.sender import Sender
from sqlalchemy import Engine, Row, text
from world import QUICK, contact, order, post

Eventually = Callable[..., Any]


def placed(**changes: Any) -> Event:
    return new_event("orders.order.placed.v1", order(**changes), source="/mercadito/orders")


def know(engine: Engine, **changes: Any) -> None:
    event = new_event("accounts.contact.changed.v1", contact(**changes), source="/mercadito/orders")
    with engine.begin() as connection:
        change_contact(connection, event)


def record(engine: Engine, event: Event) -> None:
    with engine.begin() as connection:
        intents.record(connection, event, kind=kinds()["order_confirmation"])


def messages(engine: Engine) -> list[Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM messages ORDER BY id")))


def events(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT type, convert_from(body, 'utf8')::jsonb::text AS body FROM outbox ORDER BY id")
        )
        return [(row.type, json.loads(row.body)) for row in rows]


@contextlib.asynccontextmanager
async def sending(engine: Engine, port: int, *, lease_s: float = 2, **relay: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Sender(engine, post(port, **relay), lease_s=lease_s).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def settled(engine: Engine, eventually: Eventually, *states: str, number: int = 1) -> list[Row[Any]]:
    def found() -> list[Row[Any]] | None:
        rows = messages(engine)
        assert [row.state for row in rows if row.state in states], rows
        return rows if len([row for row in rows if row.state in states]) >= number else None

    rows: list[Row[Any]] = await asyncio.to_thread(eventually, found)
    return rows


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for due messages without a pause worth waiting for."""
    monkeypatch.setattr(sender, "IDLE_POLL_S", 0.03)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for a moment instead of a minute."""
    monkeypatch.setattr(policy, "BACK_OFF_S", (0.05,))
    monkeypatch.setattr(pause, "FIRST_PAUSE_S", 0.05)


async def test_an_order_becomes_one_mail_in_the_readers_language(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    event = placed(number="4711")
    record(engine, event)
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    (taken,) = relay.taken
    mail = email.message_from_bytes(taken.raw, policy=email.policy.default)
    assert "4711" in mail["Subject"]
    assert mail["Subject"].startswith("Su pedido")
    assert taken.recipient == "rosa@tienda.example"
    assert taken.sender == "orders@mercadito.example"
    assert mail["To"] == "Rosa Peña <rosa@tienda.example>"
    assert mail["Message-ID"] == row.message_id
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert (row.attempts, row.unanswered, row.phase, row.raw) == (1, 0, "none", None)
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


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("rcpt_450", ("deferred", "450 to RCPT")),
        ("rcpt_421", ("deferred", "421 to RCPT")),
        ("mail_451", ("deferred", "451 to MAIL")),
        ("dot_451", ("deferred", "451 to the message")),
        ("drop_at_data", ("deferred", "lost before the final dot")),
        ("rcpt_550", ("failed", "550 to RCPT")),
        ("data_554", ("failed", "554 to DATA")),
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
        assert pause.pause(connection, "an earlier fault", random.Random(1)) == 1
    know(engine)
    for _ in range(5):
        record(engine, placed())

    def faults() -> int:
        with engine.connect() as connection:
            return pause.current(connection).faults

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
        return pause.current(connection).faults >= 2


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
    assert bytes(row.raw) == relay.taken[0].raw
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


async def test_two_senders_share_the_work_and_send_each_mail_once(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    for _ in range(30):
        record(engine, placed())
    async with sending(engine, relay.port), sending(engine, relay.port), sending(engine, relay.port):
        await settled(engine, eventually, "sent", number=30)
    assert len(relay.taken) == 30


async def test_a_long_conversation_keeps_its_lease(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(engine)
    record(engine, placed())
    relay.before_answer = lambda: bool(relay.released.wait(3))
    patient = {"lease_s": 1, "timeouts": replace(QUICK, dot_s=10)}
    async with sending(engine, relay.port, **patient), sending(engine, relay.port, **patient):
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

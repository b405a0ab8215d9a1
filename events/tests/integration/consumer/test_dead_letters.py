"""What cannot be handled becomes a dead letter and holds up nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from consuming import dead_letters, effects, fetched, record, send
from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import Consumer, Permanent
from sqlalchemy import Connection, Engine
from steps import TYPE, until


async def test_a_permanent_failure_becomes_a_dead_letter_at_once_and_the_next_event_is_handled(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    def refuse_one(connection: Connection, event: Event) -> None:
        record(connection, event)
        if event.data["n"] == 1:
            raise Permanent("no such store\r\nX-Evil: 1")

    events = await send(await connected("orders"), 1, 2)
    running(await consumer(refuse_one))
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["subject"] == "dlq.notify__orders"
    assert json.loads(letter["body"]) == {"n": 1}
    headers = letter["headers"]
    assert headers["ce-id"] == events[0].id
    assert headers["x-error"].startswith("Permanent: no such store%0D%0A")
    assert headers["x-delivered"] == "1"
    assert (headers["x-stream"], headers["x-stream-seq"]) == ("ORDERS", "1")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (None, b"{}"),
        ({"ce-id": "x"}, b"{}"),
        ("good", b"not json"),
        ("good", b"\xff\xfe"),
        ("good", b"[1]"),
        ("good", b'{"n": NaN}'),
        ("good", b'{"n": "\\ud800"}'),
        ("good", b"[" * 100_000),
    ],
)
async def test_a_malformed_message_becomes_a_dead_letter_and_does_not_stop_the_others(  # noqa: PLR0917 - fixtures
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    headers: Any,
    body: bytes,
) -> None:
    orders = await connected("orders")
    good = new_event(TYPE, {}, source="/mercadito/orders").headers() if headers == "good" else headers
    await orders.jetstream().publish(TYPE, body, headers=good)
    await send(orders, 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["headers"]["x-error"].startswith("MalformedEvent")
    assert (letter["body"] or b"") == body


async def test_an_event_whose_type_is_not_its_subject_is_refused(
    connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    event = new_event(TYPE, {"n": 1}, source="/mercadito/orders")
    orders = await connected("orders")
    await orders.jetstream().publish("orders.store.changed.v1", event.body(), headers=event.headers())
    running(await consumer())
    assert len(await dead_letters(connected, 1)) == 1


async def test_an_event_that_keeps_failing_becomes_a_dead_letter_before_the_server_gives_it_up(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    tries: list[int] = []

    def fail_one(connection: Connection, event: Event) -> None:
        tries.append(event.data["n"])
        if event.data["n"] == 1:
            raise ValueError("somebody@example.org is in the way")
        record(connection, event)

    await send(await connected("orders"), 1, 2)
    running(await consumer(fail_one))
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert tries.count(1) == 8
    assert letter["headers"]["x-error"].startswith("GivenUp: delivered 9 times")
    assert "somebody" not in str(letter["headers"])


async def test_an_event_that_kills_its_process_every_time_ends_as_a_dead_letter_too(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    await send(await connected("orders"), 1, 2)
    for _ in range(8):
        killed = await consumer()
        message = await fetched(killed)
        await message.nak()  # stands for: the process died with it, and ack_wait ran out
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    assert len(await dead_letters(connected, 1)) == 1


async def test_a_dead_letter_of_an_account_event_carries_neither_body_nor_subject(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    type_ = "accounts.contact.changed.v1"
    event = new_event(type_, {"email": "ana@example.org"}, source="/mercadito/orders", subject="p1")
    await (await connected("orders")).jetstream().publish(type_, event.body(), headers=event.headers())

    def refuse(_connection: Connection, _event: Event) -> None:
        raise Permanent("no")

    maker = Consumer(
        engine, await connected("notify"), stream="ACCOUNTS", durable="notify__accounts", handlers={type_: refuse}
    )
    running(maker)
    (letter,) = await dead_letters(connected, 1)
    assert not letter["body"]
    assert letter["headers"]["ce-id"] == event.id
    assert "ce-subject" not in letter["headers"]
    assert "example.org" not in str(letter)

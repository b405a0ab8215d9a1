"""No dead letter is lost on its way to DLQ and to the service that keeps it, nor holds up others for long."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from consuming import DURABLE, STREAM, USER, dead_letters, effects, record, refuse_one, send
from mercadito_events import consumer as consumer_module
from mercadito_events.envelope import new_event
from mercadito_events.inbox import Consumer, DeadLetter, apply_once
from nats import NATS
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from steps import TYPE, until

Connected = Callable[..., Any]
CONTACT = "accounts.contact.changed.v1"


async def without_dead_letters(connected: Connected) -> Callable[[], Any]:
    """Make DLQ refuse everything; return what puts it right."""
    js = (await connected("provisioner")).jetstream()
    config = (await js.stream_info("DLQ")).config
    await js.update_stream(config.evolve(max_msg_size=1))
    return lambda: js.update_stream(config)


def keeping(engine: Engine, nc: NATS, keep: Any, **kwargs: Any) -> Consumer:
    where = {"stream": STREAM, "durable": DURABLE, "handlers": {TYPE: refuse_one}} | kwargs
    return Consumer(engine, nc, keep=keep, **where)


async def test_a_dead_letter_that_cannot_be_stored_is_tried_until_it_can_over_restarts_too(
    engine: Engine, connected: Connected, consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    put_right = await without_dead_letters(connected)
    await send(await connected("orders"), 1, 2)
    for _ in range(10):
        made, stop, came = await consumer(refuse_one), asyncio.Event(), asyncio.Event()
        bury = made._bury

        async def seen(*arguments: Any, bury: Any = bury, came: asyncio.Event = came) -> str:
            came.set()
            return str(await bury(*arguments))

        made._bury = seen
        task = asyncio.create_task(made.run(stop))
        await asyncio.wait_for(came.wait(), 15)
        stop.set()
        await task
    running(await consumer(refuse_one))
    assert effects(engine) == []
    await put_right()
    await until(lambda: effects(engine) == [2])
    assert len(await dead_letters(connected, 1)) == 1


async def test_a_dead_letter_that_its_service_has_written_down_does_not_wait_for_dlq(
    engine: Engine, connected: Connected, running: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "KEPT_OFFER_S", 0.3)
    await without_dead_letters(connected)
    kept: list[DeadLetter] = []
    await send(await connected("orders"), 1, 2)
    running(keeping(engine, await connected(USER), lambda _, letter: kept.append(letter)))
    await until(lambda: effects(engine) == [2])
    assert [letter.stream_seq for letter in kept] == [1]


async def test_a_full_dlq_makes_room_for_new_dead_letters(
    engine: Engine, connected: Connected, consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    js = (await connected("provisioner")).jetstream()
    await js.update_stream((await js.stream_info("DLQ")).config.evolve(max_bytes=500_000))
    orders = await connected("orders")
    for _ in range(4):
        event = new_event(TYPE, {"n": 1, "text": "x" * 200_000}, source="/mercadito/orders")
        await orders.jetstream().publish(TYPE, event.body(), headers=event.headers())
    await send(orders, 2)
    running(await consumer(refuse_one))
    await until(lambda: effects(engine) == [2])
    letters = await dead_letters(connected, 1)
    assert [letter["headers"]["x-stream-seq"] for letter in letters] == ["3", "4"]


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        (None, 278_400),  # what just fits into the stream it came by
        ({"ce-id": "x" * 60_000, "ce-type": TYPE}, 1_000),  # a server takes 64 kB of headers at most
        ({f"h{n}": "" for n in range(6_000)}, 220_000),
    ],
)
async def test_a_message_that_is_too_large_to_be_buried_whole_is_buried_cut(  # noqa: PLR0917 - fixtures
    engine: Engine,
    connected: Connected,
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    headers: Any,
    size: int,
) -> None:
    orders = await connected("orders")
    await orders.jetstream().publish(TYPE, b"x" * size, headers=headers)
    await send(orders, 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["body"] == b"x" * min(size, 256_000)
    assert letter["headers"].get("x-cut") == (str(size) if size > 256_000 else None)


async def test_an_account_event_is_not_ended_before_its_service_has_written_it_down(
    engine: Engine, connected: Connected, running: Callable[..., Any]
) -> None:
    kept: list[DeadLetter] = []
    failures = ["a fault of the keeper's", "INSERT INTO nowhere VALUES (1)"]

    def keep(connection: Connection, letter: DeadLetter) -> None:
        if len(failures) == 2:
            raise ValueError(failures.pop(0))
        if failures:
            connection.execute(text(failures.pop()))
        kept.append(letter)

    orders = await connected("orders")
    for _ in range(2):
        event = new_event(CONTACT, {"n": 1, "email": "ana@example.org"}, source="/mercadito/orders")
        await orders.jetstream().publish(CONTACT, event.body(), headers=event.headers())
    where = {"stream": "ACCOUNTS", "durable": "notify__accounts", "handlers": {CONTACT: refuse_one}}
    running(keeping(engine, await connected(USER), keep, **where))
    await until(lambda: len(kept) == 2)
    assert [letter.stream_seq for letter in kept] == [1, 2]
    assert b"ana@example.org" in kept[0].body


async def test_a_service_may_keep_its_dead_letters_and_handle_them_again_once(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    kept: list[DeadLetter] = []
    away = [OperationalError("INSERT", None, Exception("the connection broke"))]

    def keep(connection: Connection, letter: DeadLetter) -> None:
        connection.execute(text("SELECT 1"))
        if away:
            raise away.pop()
        kept.append(letter)

    events = await send(await connected("orders"), 1, 2)
    nc = await connected("notify")
    running(Consumer(engine, nc, stream="ORDERS", durable="notify__orders", handlers={TYPE: refuse_one}, keep=keep))
    await until(lambda: effects(engine) == [2])
    (letter,) = kept
    assert (letter.durable, letter.stream, letter.stream_seq) == ("notify__orders", "ORDERS", 1)
    assert letter.error == "Permanent: no such store"
    assert (letter.event().id, letter.event().data) == (events[0].id, {"n": 1})
    assert '"n"' not in repr(letter)
    for again in (True, False):
        with engine.begin() as connection:
            assert apply_once(connection, letter.durable, record, letter.event()) is again
    assert effects(engine) == [2, 1]


async def test_a_dead_letter_that_its_service_cannot_keep_holds_up_nothing(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    def keep(connection: Connection, _: DeadLetter) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))

    await send(await connected("orders"), 1, 2)
    nc = await connected("notify")
    running(Consumer(engine, nc, stream="ORDERS", durable="notify__orders", handlers={TYPE: refuse_one}, keep=keep))
    await until(lambda: effects(engine) == [2])
    assert len(await dead_letters(connected, 1)) == 1

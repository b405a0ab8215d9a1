"""Each event takes effect once and in order, whatever happens to the process that handles it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from consuming import effects, fetched, record, send, set_ack_wait
from mercadito_events import consumer as consumer_module
from mercadito_events.envelope import Event
from sqlalchemy import Connection, Engine, text
from steps import TYPE, until


async def test_each_event_takes_effect_once_and_in_order(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    await send(await connected("orders"), *range(200))
    running(await consumer())
    await until(lambda: len(effects(engine)) >= 200)
    assert effects(engine) == list(range(200))


async def test_an_event_published_twice_beyond_the_dedup_window_takes_effect_once(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    orders = await connected("orders")
    (event,) = await send(orders, 1)
    for again in range(3):  # another Nats-Msg-Id is what the stream sees once the window has passed
        headers = event.headers() | {"Nats-Msg-Id": f"again-{again}"}
        await orders.jetstream().publish(TYPE, event.body(), headers=headers)
    await send(orders, 2)
    running(await consumer())
    await until(lambda: 2 in effects(engine))
    assert effects(engine) == [1, 2]


async def test_a_crash_between_effect_and_commit_leaves_nothing_and_the_next_try_takes_effect_once(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    tries: list[int] = []

    def crash_twice(connection: Connection, event: Event) -> None:
        record(connection, event)
        tries.append(event.data["n"])
        if len(tries) < 3:
            raise RuntimeError("between effect and commit")

    await send(await connected("orders"), 1, 2, 3)
    running(await consumer(crash_twice))
    await until(lambda: 3 in effects(engine))
    assert effects(engine) == [1, 2, 3]
    assert tries == [1, 1, 1, 2, 3]


async def test_a_consumer_killed_after_commit_and_before_the_acknowledgement_repeats_nothing(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    await send(await connected("orders"), 1)
    killed = await consumer()

    async def die(_message: Any, _outcome: str) -> None:
        raise KeyboardInterrupt

    killed._answer = die
    with pytest.raises(KeyboardInterrupt):
        await killed._settle(await fetched(killed), asyncio.Event())
    await killed._pull._subscription_message.nak()  # stands for ack_wait running out
    running(await consumer())
    await send(await connected("orders"), 2)
    await until(lambda: 2 in effects(engine))
    assert effects(engine) == [1, 2]


async def test_unknown_types_are_acknowledged_and_leave_no_trace(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    orders = await connected("orders")
    await send(orders, 1, type_="orders.order.amended.v1")
    await send(orders, 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM inbox")) == 1


async def test_a_handler_slower_than_ack_wait_keeps_its_event_to_itself(
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer_module, "IN_PROGRESS_EVERY_S", 0.2)
    await set_ack_wait(connected, 0.6)
    entered: list[int] = []
    leave = threading.Event()

    def slow(connection: Connection, event: Event) -> None:
        entered.append(event.data["n"])
        leave.wait(2)
        record(connection, event)

    await send(await connected("orders"), 1)
    running(await consumer(slow))
    running(await consumer(slow))
    await until(lambda: effects(engine) == [1])
    assert entered == [1]


async def test_two_instances_share_the_durable_and_the_order_holds(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    running(await consumer())
    running(await consumer())
    await send(await connected("orders"), *range(100))
    await until(lambda: len(effects(engine)) == 100)
    assert effects(engine) == list(range(100))


async def test_stopping_finishes_the_event_at_hand_and_leaves_the_rest_to_the_next(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    first = await consumer()
    stop = asyncio.Event()
    task = asyncio.create_task(first.run(stop))
    await send(await connected("orders"), *range(50))
    await until(lambda: len(effects(engine)) > 3)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert not first.healthy
    running(await consumer())
    await until(lambda: len(effects(engine)) == 50)
    assert effects(engine) == list(range(50))


async def test_old_inbox_rows_are_pruned(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    with engine.begin() as connection:
        old = "INSERT INTO inbox VALUES ('notify__orders', gen_random_uuid(), now() - interval '15 days')"
        connection.execute(text(old))
    running(await consumer())

    def rows() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM inbox")) or 0)

    await until(lambda: rows() == 0)

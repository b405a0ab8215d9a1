"""The database or NATS goes away."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from consuming import DURABLE, STREAM, USER, effects, record, send, set_ack_wait
from mercadito_events.connection import NatsClosed
from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import Consumer
from mercadito_events.testing import NatsServer
from mercadito_events.testing.postgres import PostgresServer
from nats import NATS
from nats.errors import Error as NatsError
from sqlalchemy import Connection, Engine, text
from steps import TYPE, is_away, until


async def test_while_the_database_is_away_no_delivery_is_used_up_and_afterwards_all_take_effect(
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    postgres_server: PostgresServer,
) -> None:
    deliveries: list[int] = []
    orders = await connected("orders")
    made = await consumer()
    settle = made._settle

    async def counting(message: Any, stop: asyncio.Event) -> None:
        deliveries.append(message.metadata.num_delivered)
        await settle(message, stop)

    made._settle = counting
    running(made)
    await send(orders, 1)
    await until(lambda: effects(engine) == [1])
    await asyncio.to_thread(postgres_server.kill)
    await send(orders, 2, 3, 4)
    await until(lambda: not made.healthy)
    await asyncio.sleep(1)
    await asyncio.to_thread(postgres_server.start)
    await until(lambda: len(effects(engine)) == 4)
    assert effects(engine) == [1, 2, 3, 4]
    assert deliveries == [1, 1, 1, 1]
    await until(lambda: made.healthy)


async def test_while_the_database_has_no_room_no_event_is_given_up(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    without_room = iter(range(20))  # more than the deliveries after which an event is given up

    def effect(connection: Connection, event: Event) -> None:
        if next(without_room, None) is not None:
            connection.execute(text("DO $$ BEGIN RAISE disk_full; END $$"))
        record(connection, event)

    running(await consumer(effect))
    await send(await connected("orders"), 1, 2)
    await until(lambda: effects(engine) == [1, 2])


async def test_a_write_that_a_read_only_database_refuses_is_no_failure_of_the_event(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    read_only = iter(range(20))  # more than the deliveries after which an event is given up

    def effect(connection: Connection, event: Event) -> None:
        if next(read_only, None) is not None:
            connection.execute(text("SET TRANSACTION READ ONLY"))
        record(connection, event)

    running(await consumer(effect))
    await send(await connected("orders"), 1, 2)
    await until(lambda: effects(engine) == [1, 2])


async def test_a_consumer_waits_for_a_read_only_database_to_take_writes_again(
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    read_only: Callable[[bool], None],
) -> None:
    made = await consumer()
    running(made)
    orders = await connected("orders")
    await send(orders, 1)
    await until(lambda: effects(engine) == [1])
    read_only(True)
    await until(lambda: is_away(engine))
    await send(orders, 2)
    await until(lambda: not made.healthy)
    read_only(False)
    await until(lambda: made.healthy)
    assert effects(engine) == [1, 2]


async def test_the_consumer_goes_on_after_nats_was_killed(
    engine: Engine,
    nats: NatsServer,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
) -> None:
    orders = await connected("orders")
    await set_ack_wait(connected, 2)  # an acknowledgement that the server did not keep costs this long
    await send(orders, *range(100))
    running(await consumer())
    await until(lambda: len(effects(engine)) > 20)
    await asyncio.to_thread(nats.kill)
    await asyncio.to_thread(nats.start)
    await until(lambda: orders.is_connected)
    await until_sent(orders, 100)
    await until(lambda: 100 in effects(engine))
    assert effects(engine) == list(range(101))


async def until_sent(orders: NATS, number: int) -> None:
    deadline = time.monotonic() + 15
    event = new_event(TYPE, {"n": number}, source="/mercadito/orders")
    while True:
        try:
            await orders.jetstream().publish(TYPE, event.body(), headers=event.headers(), timeout=0.5)
        except (NatsError, TimeoutError):
            assert time.monotonic() < deadline
        else:
            return


async def test_a_consumer_started_before_the_provisioner_waits_for_its_durable(
    engine: Engine,
    nats: NatsServer,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
) -> None:
    await asyncio.to_thread(nats.forget)
    running(await consumer())
    await asyncio.sleep(1)
    await asyncio.to_thread(nats.provision)
    await send(await connected("orders"), 1)
    await until(lambda: effects(engine) == [1])


async def test_a_connection_closed_for_good_ends_the_consumer_with_an_error(
    engine: Engine, connected: Callable[..., Any]
) -> None:
    nc = await connected(USER)
    made = Consumer(engine, nc, stream=STREAM, durable=DURABLE, handlers={})
    task = asyncio.create_task(made.run(asyncio.Event()))
    await until(lambda: made.healthy)
    await nc.close()
    with pytest.raises(NatsClosed):
        await asyncio.wait_for(task, 10)

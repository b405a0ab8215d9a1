"""What the tests of the consumer do and look at: events sent, messages fetched, effects recorded."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import Consumer, Permanent
from nats import NATS
from sqlalchemy import Connection, Engine, text
from steps import TYPE, read_stream

STREAM, DURABLE, USER = "ORDERS", "notify__orders", "notify"


def record(connection: Connection, event: Event) -> None:
    insert = text("INSERT INTO effect (event_id, n) VALUES (CAST(:id AS uuid), :n)")
    connection.execute(insert, {"id": event.id, "n": event.data["n"]})


def effects(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT n FROM effect ORDER BY id")).scalars())


async def send(nc: NATS, *numbers: int, type_: str = TYPE) -> list[Event]:
    events = [new_event(type_, {"n": number}, source="/mercadito/orders") for number in numbers]
    for event in events:
        await nc.jetstream().publish(event.type, event.body(), headers=event.headers())
    return events


async def fetched(consumer: Consumer) -> Any:
    await consumer._pull.open(asyncio.Event())
    message = await consumer._pull.next()
    consumer._pull._subscription_message = message
    return message


async def set_ack_wait(connected: Callable[..., Any], seconds: float) -> None:
    js = (await connected("provisioner")).jetstream()
    config = (await js.consumer_info(STREAM, DURABLE)).config
    await js.add_consumer(STREAM, config.evolve(ack_wait=seconds))


async def dead_letters(connected: Callable[..., Any], count: int) -> list[dict[str, Any]]:
    operator = await connected("operator")
    deadline = time.monotonic() + 15
    while len(found := await read_stream(operator, "DLQ")) < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return found


def refuse_one(connection: Connection, event: Event) -> None:
    """Handle all but the event with 1 in it."""
    if event.data["n"] == 1:
        raise Permanent("no such store")
    record(connection, event)

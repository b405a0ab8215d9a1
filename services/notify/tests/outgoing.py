"""What the tests of sending do and look at: events recorded, messages settled, facts published."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from mercadito_events.envelope import Event, new_event
from notify.kinds import kinds
from notify.queueing import intents
from notify.recipients.contacts import change_contact
from notify.sending.sender import Sender
from sqlalchemy import Engine, Row, text
from world import contact, order, post

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
async def sending(engine: Engine, port: int, *, lease_s: float = 2, **changes: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Sender(engine, post(port, **changes), lease_s=lease_s).run(stop))
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

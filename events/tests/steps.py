"""What several tests do: write events, read streams, wait."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from mercadito_events.envelope import new_event
from mercadito_events.outbox import backlog, enqueue
from mercadito_events.service.database import DatabaseSettings, create_engine
from mercadito_events.testing import DatabaseUrls
from nats import NATS
from nats.js.errors import NotFoundError
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import OperationalError

TYPE = "orders.order.placed.v1"


def engine_for(url: str, pool_size: int = 5) -> Engine:
    return create_engine(DatabaseSettings(make_url(url)), pool_size=pool_size, application_name="kit-tests")


def put(engine: Engine, *numbers: int, **kwargs: Any) -> None:
    with engine.begin() as connection:
        for number in numbers:
            enqueue(connection, new_event(TYPE, {"n": number}, source="/mercadito/orders"), **kwargs)


async def read_stream(nc: NATS, stream: str = "ORDERS") -> list[dict[str, Any]]:
    """Read a whole stream as the operator does."""
    js = nc.jetstream()
    last = (await js.stream_info(stream)).state.last_seq
    found = []
    for seq in range(1, last + 1):
        try:
            message = await js.get_msg(stream, seq)
        except NotFoundError:
            continue
        found.append({"seq": seq, "body": message.data, "headers": message.headers, "subject": message.subject})
    return found


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    return [json.loads(message["body"])["n"] for message in messages]


async def drained(engine: Engine, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while (await asyncio.to_thread(backlog, engine)).rows:
        assert time.monotonic() < deadline, "the outbox does not drain"
        await asyncio.sleep(0.02)


async def until(predicate: Callable[[], Any], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def is_away(engine: Engine) -> bool:
    """Ask the database as a readiness check does."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError:
        return True
    return False


def revision(urls: DatabaseUrls) -> str:
    """Return the schema's revision."""
    engine = engine_for(urls.owner_url)
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()
    return str(found)

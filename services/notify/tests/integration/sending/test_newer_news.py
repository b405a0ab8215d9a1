"""An order's older mail that waited does not come after a newer one was sent."""

from typing import Any

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.envelope import Event, new_event
from notify.api import delivery_log
from notify.api.delivery_log import Filter
from notify.queueing import intents
from notify.recipients.newer_news import IS_OVERTAKEN
from outgoing import Eventually, know, messages, placed, sending, settled
from sqlalchemy import Engine, text
from world import DOMAIN, sample

ORDER = "order-1"


def amended(version: int) -> Event:
    data = sample("order_changed") | {"order_id": ORDER, "store_id": "store-1", "version": version}
    return new_event("orders.order.amended.v1", data, source="/mercadito/orders")


def cancelled(version: int) -> Event:
    data = sample("order_cancelled") | {"order_id": ORDER, "store_id": "store-1", "version": version}
    return new_event("orders.order.cancelled.v1", data, source="/mercadito/orders")


PLACED = placed(order_id=ORDER)


def tell(engine: Engine, event: Event, *, deferred: bool = False) -> None:
    with engine.begin() as connection:
        intents.handlers("ORDERS")[event.type](connection, event)
        intents.expand(connection, domain=DOMAIN)
        if deferred:
            connection.execute(text("UPDATE messages SET state = 'deferred', due_at = now() + interval '1 hour'"))


def due(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET due_at = now() WHERE state = 'deferred'"))


@pytest.mark.parametrize(
    ("older", "newer"),
    [(PLACED, cancelled(2)), (PLACED, amended(2)), (amended(2), amended(3)), (amended(2), cancelled(3))],
    ids=lambda event: event.type.split(".")[2],
)
async def test_what_is_overtaken_is_not_sent(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, older: Event, newer: Event
) -> None:
    know(engine)
    tell(engine, older, deferred=True)
    tell(engine, newer)
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
        due(engine)
        rows = await settled(engine, eventually, "suppressed")
    assert [(row.state, row.reason) for row in rows] == [("suppressed", IS_OVERTAKEN), ("sent", None)]
    with engine.connect() as connection:
        assert not any(one.undelivered for one in listed(connection))


def listed(connection: Any) -> list[Any]:
    return delivery_log.read(connection, Filter(), before=2**63 - 1, limit=10)


async def test_news_that_another_got_overtakes_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    """Else whoever's provider lets all wait hears nothing of the order, should the newer one fail."""
    know(engine)
    know(engine, person_id="person-2", email="luz@otra.example")
    tell(engine, PLACED, deferred=True)
    tell(engine, amended(2))
    with engine.begin() as connection:
        waits = (
            "UPDATE messages SET state = 'deferred', due_at = now() + interval '1 hour' WHERE person_id = 'person-2'"
        )
        connection.execute(text(waits))
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
        due(engine)
        await settled(engine, eventually, "sent", number=3)
        rows = await settled(engine, eventually, "suppressed")
    found = sorted((row.person_id, row.kind, row.state) for row in rows)
    assert found == [
        ("person-1", "order_changed", "sent"),
        ("person-1", "order_confirmation", "suppressed"),
        ("person-2", "order_changed", "sent"),
        ("person-2", "order_confirmation", "sent"),
    ]


@pytest.mark.parametrize("newer", [cancelled(2), amended(2)], ids=["cancelled", "amended"])
async def test_what_waits_beside_a_newer_one_goes_as_ever(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, newer: Event
) -> None:
    know(engine)
    tell(engine, PLACED)
    tell(engine, newer)
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent", number=2)


async def test_the_newest_goes_however_late(engine: Engine, relay: FaultyRelay, eventually: Eventually) -> None:
    know(engine)
    tell(engine, amended(3), deferred=True)
    tell(engine, amended(2))
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
        due(engine)
        await settled(engine, eventually, "sent", number=2)
    assert {row.state for row in messages(engine)} == {"sent"}

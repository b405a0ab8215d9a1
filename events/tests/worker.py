"""A process that relays and consumes, for tests that kill it: python worker.py DATABASE_URL NATS_URL PASSWORD…"""

import asyncio
import signal
import sys

from mercadito_events.connection import NatsSettings, connect
from mercadito_events.envelope import Event
from mercadito_events.inbox import Consumer
from mercadito_events.outbox import Relay
from sqlalchemy import Connection, text
from steps import TYPE, engine_for


def record(connection: Connection, event: Event) -> None:
    insert = text("INSERT INTO effect (event_id, n) VALUES (CAST(:id AS uuid), :n)")
    connection.execute(insert, {"id": event.id, "n": event.data["n"]})


async def main(database_url: str, nats_url: str, orders_password: str, notify_password: str) -> None:
    engine, stop = engine_for(database_url), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    orders = await connect(NatsSettings(nats_url, "orders", orders_password), name="worker-relay")
    notify = await connect(NatsSettings(nats_url, "notify", notify_password), name="worker-consumer")
    consumer = Consumer(engine, notify, stream="ORDERS", durable="notify__orders", handlers={TYPE: record})
    await asyncio.gather(Relay(engine, orders, service="orders").run(stop), consumer.run(stop))
    await orders.close()
    await notify.close()
    engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Getting in to a server that is not there yet."""

import asyncio

from mercadito_events.connection import connect_unless
from mercadito_events.testing import NatsServer
from prometheus_client import REGISTRY

TRIES_FOR_S = 0.2


def is_told_connected() -> float | None:
    return REGISTRY.get_sample_value("mercadito_nats_connected", {"connection": "patient"})


async def test_a_server_that_comes_later_is_waited_for(nats: NatsServer) -> None:
    await asyncio.to_thread(nats.kill)
    try:
        waiting = asyncio.create_task(
            connect_unless(asyncio.Event(), nats.settings("orders"), name="patient", deadline_s=TRIES_FOR_S)
        )
        done, _ = await asyncio.wait([waiting], timeout=3 * TRIES_FOR_S)
        assert not done
        assert is_told_connected() == 0
    finally:
        await asyncio.to_thread(nats.start)
    nc = await asyncio.wait_for(waiting, 30)
    assert nc is not None
    assert is_told_connected() == 1
    await nc.close()


async def test_who_is_told_to_stop_waits_no_longer(nats: NatsServer) -> None:
    await asyncio.to_thread(nats.kill)
    try:
        stop = asyncio.Event()
        waiting = asyncio.create_task(connect_unless(stop, nats.settings("orders"), name="patient"))
        asyncio.get_running_loop().call_later(TRIES_FOR_S, stop.set)
        assert await asyncio.wait_for(waiting, 10) is None
    finally:
        await asyncio.to_thread(nats.start)


async def test_after_the_stop_nobody_tries(nats: NatsServer) -> None:
    stop = asyncio.Event()
    stop.set()
    assert await connect_unless(stop, nats.settings("orders"), name="patient") is None

"""How many people look at a cycle: over two processes, through a killed one, and while NATS is away."""

import asyncio
import signal
import time
import uuid

from harness import Clients, Process, Socket, Start
from mercadito_events.testing import NatsServer

PERIOD_S = "0.5"


def number(client: Socket, channel: str) -> int | None:
    """Return what a client was told last."""
    told = [message["d"]["n"] for message in client.whispers if message["c"] == channel]
    return told[-1] if told else None


async def until_all_see(n: int, channel: str, *clients: Socket, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while any(number(client, channel) != n for client in clients):
        assert time.monotonic() < deadline, [number(client, channel) for client in clients]
        await asyncio.sleep(0.02)


async def watching(clients: Clients, process: Process, channel: str, *persons: str) -> list[Socket]:
    opened = [await clients.signed_in(process, person) for person in persons]
    for client in opened:
        await client.subscribe(channel)
    return opened


async def test_two_processes_tell_the_sum_and_a_dead_one_is_forgotten(start: Start, clients: Clients) -> None:
    channel = f"cycle:{uuid.uuid4().hex[:8]}"
    first, second = start(VIEWERS_S=PERIOD_S), start(VIEWERS_S=PERIOD_S)
    here = await watching(clients, first, channel, "p1", "p1", "p2")
    there = await watching(clients, second, channel, "p3")
    await until_all_see(3, channel, *here, *there)
    second.stop(signal.SIGKILL)
    await until_all_see(2, channel, *here)
    await here[2].close()
    await until_all_see(1, channel, *here[:2])


async def test_who_comes_is_told_at_once_and_not_only_at_the_next_round(start: Start, clients: Clients) -> None:
    channel = f"cycle:{uuid.uuid4().hex[:8]}"
    process = start(VIEWERS_S="60")
    (client,) = await watching(clients, process, channel, "p1")
    await until_all_see(1, channel, client, timeout_s=3)
    (other,) = await watching(clients, process, channel, "p2")
    await until_all_see(2, channel, other, timeout_s=3)


async def test_with_nats_away_each_process_tells_its_own(start: Start, clients: Clients, own_nats: NatsServer) -> None:
    channel = f"cycle:{uuid.uuid4().hex[:8]}"
    env = {**own_nats.environment("realtime"), "VIEWERS_S": PERIOD_S}
    first, second = start(**env), start(**env)
    here = await watching(clients, first, channel, "p1")
    there = await watching(clients, second, channel, "p2", "p3")
    await until_all_see(3, channel, *here, *there)
    await asyncio.to_thread(own_nats.kill)
    try:
        await until_all_see(1, channel, *here)
        await until_all_see(2, channel, *there)
    finally:
        await asyncio.to_thread(own_nats.start)
    await until_all_see(3, channel, *here, *there, timeout_s=20)

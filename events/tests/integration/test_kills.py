"""The whole way from outbox to effect, while processes are killed."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.connection import connect
from mercadito_events.testing import DatabaseUrls, NatsServer
from sqlalchemy import Engine, text
from steps import put, read_stream

WORKER = Path(__file__).parents[1] / "worker.py"
EVENTS, KILLS = 300, 4


@pytest.fixture
def start_worker(urls: DatabaseUrls, nats: NatsServer) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    passwords = [nats.settings(user).password for user in ("orders", "notify")]

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, str(WORKER), urls.app_url, nats.url, *passwords]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def effects(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT n FROM effect ORDER BY id")).scalars())


async def quick_redelivery(nats: NatsServer) -> None:
    nc = await connect(nats.settings("provisioner"), name="test")
    js = nc.jetstream()
    config = (await js.consumer_info("ORDERS", "notify__orders")).config
    await js.add_consumer("ORDERS", config.evolve(ack_wait=0.5))
    await nc.close()


async def published(nats: NatsServer) -> list[int]:
    nc = await connect(nats.settings("operator"), name="test")
    found = [json.loads(message["body"])["n"] for message in await read_stream(nc)]
    await nc.close()
    return found


def test_however_often_the_worker_is_killed_each_event_is_published_and_takes_effect_once_and_in_order(
    engine: Engine, nats: NatsServer, start_worker: Callable[[], Any], eventually: Callable[..., Any]
) -> None:
    asyncio.run(quick_redelivery(nats))
    put(engine, *range(EVENTS))
    for round_ in range(KILLS):
        worker = start_worker()
        goal = (round_ + 1) * EVENTS // (KILLS + 2)
        eventually(lambda goal=goal: len(effects(engine)) >= goal, 20)
        time.sleep(random.random() / 50)
        worker.kill()
        worker.wait()
    last = start_worker()
    eventually(lambda: len(effects(engine)) >= EVENTS, 30)
    assert effects(engine) == list(range(EVENTS))
    assert asyncio.run(published(nats)) == list(range(EVENTS))
    last.terminate()
    assert last.wait(timeout=10) == 0

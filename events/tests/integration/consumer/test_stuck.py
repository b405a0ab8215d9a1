"""A consumer that gets no messages although some wait."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from consuming import DURABLE, STREAM, USER, effects, record, send
from mercadito_events import pull
from mercadito_events.envelope import Event
from mercadito_events.inbox import Consumer, ConsumerMissing, ConsumerStuck
from mercadito_events.testing import NatsServer
from nats import NATS
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerInfo
from sqlalchemy import Connection, Engine
from steps import TYPE, until


async def nothing(*_args: Any, **_kwargs: Any) -> Any:
    await asyncio.sleep(0.1)
    raise NatsTimeout


def unsubscribe_behind_its_back(nc: NATS) -> None:
    """Make the server forget the pull's inbox while the client believes in it: the silent stall of nats.py#504."""
    for sid in [
        sid for sid, sub in nc._subs.items() if sub.subject.startswith("_INBOX_notify.") and "*" not in sub.subject
    ]:
        nc._transport.write(f"UNSUB {sid}\r\n".encode())


async def test_a_subscription_that_stalls_silently_is_made_anew(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "STALL_S", 0.5)
    nc = await connected(USER)
    made = Consumer(engine, nc, stream=STREAM, durable=DURABLE, handlers={TYPE: record})
    running(made)
    orders = await connected("orders")
    await send(orders, 1)
    await until(lambda: effects(engine) == [1])
    unsubscribe_behind_its_back(nc)
    await asyncio.sleep(0.3)
    await send(orders, 2)
    await until(lambda: effects(engine) == [1, 2])


async def test_a_consumer_that_stays_stuck_says_so_and_ends(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "STALL_S", 0.3)

    monkeypatch.setattr("mercadito_events.fetching.Fetching.fetch", nothing)
    await send(await connected("orders"), 1)
    with pytest.raises(ConsumerStuck, match="1 messages wait"):
        await asyncio.wait_for((await consumer()).run(asyncio.Event()), 10)


async def test_an_idle_consumer_is_not_taken_for_a_stuck_one(
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pull, "STALL_S", 0.1)
    monkeypatch.setattr(pull, "FETCH_TIMEOUT_S", 0.1)
    running(await consumer())
    await asyncio.sleep(1)
    await send(await connected("orders"), 1)
    await until(lambda: effects(engine) == [1])


async def test_a_durable_deleted_under_a_running_consumer_ends_it_with_an_error(
    nats: NatsServer, consumer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "STALL_S", 0.3)
    made = await consumer()
    task = asyncio.create_task(made.run(asyncio.Event()))
    await until(lambda: made.healthy)
    await asyncio.to_thread(nats.forget)
    with pytest.raises(ConsumerMissing, match="provision"):
        await asyncio.wait_for(task, 15)


class Unlucky(pull.Pull):
    """One of two instances: whatever comes went to the other one."""

    async def _bind(self, info: ConsumerInfo) -> None:
        await super()._bind(info)
        self._subscription.fetch = nothing  # type: ignore[union-attr, method-assign]


async def test_an_instance_to_which_another_leaves_nothing_is_not_taken_for_a_stuck_one(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "STALL_S", 0.1)
    unlucky = Unlucky(await connected(USER), stream=STREAM, durable=DURABLE)
    suspicions: list[ConsumerInfo] = []
    monkeypatch.setattr(unlucky, "_suspect", lambda info: suspicions.append(info) or asyncio.sleep(0))
    await unlucky.open(asyncio.Event())
    running(Consumer(engine, await connected(USER), stream=STREAM, durable=DURABLE, handlers={TYPE: record}))
    orders = await connected("orders")
    for sent in range(0, 40, 5):  # slow traffic: some events between any two looks
        await send(orders, *range(sent, sent + 5))
        await until(lambda sent=sent: len(effects(engine)) == sent + 5)
        for _ in range(2):
            assert await unlucky.next() is None
    assert suspicions == []


async def test_an_instance_is_not_stuck_while_another_fails_at_an_event_until_it_gives_up(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "STALL_S", 0.1)
    unlucky = Unlucky(await connected(USER), stream=STREAM, durable=DURABLE)
    await unlucky.open(asyncio.Event())

    def fail_one(connection: Connection, event: Event) -> None:
        if event.data["n"] == 1:
            raise ValueError("in the way")
        record(connection, event)

    running(Consumer(engine, await connected(USER), stream=STREAM, durable=DURABLE, handlers={TYPE: fail_one}))
    await send(await connected("orders"), 1, 2)
    deadline = time.monotonic() + 15
    while effects(engine) != [2]:
        assert await unlucky.next() is None
        assert time.monotonic() < deadline

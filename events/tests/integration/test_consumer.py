import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from mercadito_events import consumer as consumer_module
from mercadito_events import pull
from mercadito_events.connection import NatsClosed
from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import Consumer, ConsumerMissing, ConsumerStuck, Permanent
from mercadito_events.testing import NatsServer
from mercadito_events.testing.postgres import PostgresServer
from nats import NATS
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from sqlalchemy import Connection, Engine, text
from steps import TYPE, read_stream, until

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


@pytest.fixture
def consumer(engine: Engine, connected: Callable[..., Any]) -> Callable[..., Any]:
    async def make(handler: Any = record, **kwargs: Any) -> Consumer:
        where = {"stream": STREAM, "durable": DURABLE} | kwargs
        return Consumer(engine, await connected(USER), handlers={TYPE: handler}, **where)

    return make


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(consumer_module, "RETRY_MOST_S", 0.1)
    monkeypatch.setattr(pull, "FETCH_TIMEOUT_S", 0.2)


async def test_each_event_takes_effect_once_and_in_order(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    await send(await connected("orders"), *range(200))
    running(await consumer())
    await until(lambda: len(effects(engine)) >= 200)
    assert effects(engine) == list(range(200))


async def test_an_event_published_twice_beyond_the_dedup_window_takes_effect_once(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    orders = await connected("orders")
    (event,) = await send(orders, 1)
    for again in range(3):  # another Nats-Msg-Id is what the stream sees once the window has passed
        headers = event.headers() | {"Nats-Msg-Id": f"again-{again}"}
        await orders.jetstream().publish(TYPE, event.body(), headers=headers)
    await send(orders, 2)
    running(await consumer())
    await until(lambda: 2 in effects(engine))
    assert effects(engine) == [1, 2]


async def test_a_crash_between_effect_and_commit_leaves_nothing_and_the_next_try_takes_effect_once(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    tries: list[int] = []

    def crash_twice(connection: Connection, event: Event) -> None:
        record(connection, event)
        tries.append(event.data["n"])
        if len(tries) < 3:
            raise RuntimeError("between effect and commit")

    await send(await connected("orders"), 1, 2, 3)
    running(await consumer(crash_twice))
    await until(lambda: 3 in effects(engine))
    assert effects(engine) == [1, 2, 3]
    assert tries == [1, 1, 1, 2, 3]


async def test_a_consumer_killed_after_commit_and_before_the_acknowledgement_repeats_nothing(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    await send(await connected("orders"), 1)
    killed = await consumer()

    async def die(_message: Any, _outcome: str) -> None:
        raise KeyboardInterrupt

    killed._answer = die
    with pytest.raises(KeyboardInterrupt):
        await killed._settle(await _fetched(killed), asyncio.Event())
    await killed._pull._subscription_message.nak()  # stands for ack_wait running out
    running(await consumer())
    await send(await connected("orders"), 2)
    await until(lambda: 2 in effects(engine))
    assert effects(engine) == [1, 2]


async def _fetched(consumer: Consumer) -> Any:
    await consumer._pull.open(asyncio.Event())
    message = await consumer._pull.next()
    consumer._pull._subscription_message = message
    return message


async def test_unknown_types_are_acknowledged_and_leave_no_trace(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    orders = await connected("orders")
    await send(orders, 1, type_="orders.order.amended.v1")
    await send(orders, 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM inbox")) == 1


async def dead_letters(connected: Callable[..., Any], count: int) -> list[dict[str, Any]]:
    operator = await connected("operator")
    deadline = time.monotonic() + 15
    while len(found := await read_stream(operator, "DLQ")) < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return found


async def test_a_permanent_failure_becomes_a_dead_letter_at_once_and_the_next_event_is_handled(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    def refuse_one(connection: Connection, event: Event) -> None:
        record(connection, event)
        if event.data["n"] == 1:
            raise Permanent("no such store\r\nX-Evil: 1")

    events = await send(await connected("orders"), 1, 2)
    running(await consumer(refuse_one))
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["subject"] == "dlq.notify__orders"
    assert json.loads(letter["body"]) == {"n": 1}
    headers = letter["headers"]
    assert headers["ce-id"] == events[0].id
    assert headers["x-error"].startswith("Permanent: no such store%0D%0A")
    assert headers["x-delivered"] == "1"
    assert (headers["x-stream"], headers["x-stream-seq"]) == ("ORDERS", "1")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (None, b"{}"),
        ({"ce-id": "x"}, b"{}"),
        ("good", b"not json"),
        ("good", b"\xff\xfe"),
        ("good", b"[1]"),
        ("good", b'{"n": NaN}'),
        ("good", b'{"n": "\\ud800"}'),
        ("good", b"[" * 100_000),
    ],
)
async def test_a_malformed_message_becomes_a_dead_letter_and_does_not_stop_the_others(  # noqa: PLR0917 - fixtures
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    headers: Any,
    body: bytes,
) -> None:
    orders = await connected("orders")
    good = new_event(TYPE, {}, source="/mercadito/orders").headers() if headers == "good" else headers
    await orders.jetstream().publish(TYPE, body, headers=good)
    await send(orders, 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["headers"]["x-error"].startswith("MalformedEvent")
    assert (letter["body"] or b"") == body


async def test_an_event_whose_type_is_not_its_subject_is_refused(
    connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    event = new_event(TYPE, {"n": 1}, source="/mercadito/orders")
    orders = await connected("orders")
    await orders.jetstream().publish("orders.store.changed.v1", event.body(), headers=event.headers())
    running(await consumer())
    assert len(await dead_letters(connected, 1)) == 1


async def test_an_event_that_keeps_failing_becomes_a_dead_letter_before_the_server_gives_it_up(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    tries: list[int] = []

    def fail_one(connection: Connection, event: Event) -> None:
        tries.append(event.data["n"])
        if event.data["n"] == 1:
            raise ValueError("somebody@example.org is in the way")
        record(connection, event)

    await send(await connected("orders"), 1, 2)
    running(await consumer(fail_one))
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert tries.count(1) == 8
    assert letter["headers"]["x-error"].startswith("GivenUp: delivered 9 times")
    assert "somebody" not in str(letter["headers"])


async def test_an_event_that_kills_its_process_every_time_ends_as_a_dead_letter_too(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    await send(await connected("orders"), 1, 2)
    for _ in range(8):
        killed = await consumer()
        message = await _fetched(killed)
        await message.nak()  # stands for: the process died with it, and ack_wait ran out
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    assert len(await dead_letters(connected, 1)) == 1


async def test_a_dead_letter_of_an_account_event_carries_neither_body_nor_subject(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    type_ = "accounts.contact.changed.v1"
    event = new_event(type_, {"email": "ana@example.org"}, source="/mercadito/orders", subject="p1")
    await (await connected("orders")).jetstream().publish(type_, event.body(), headers=event.headers())

    def refuse(_connection: Connection, _event: Event) -> None:
        raise Permanent("no")

    maker = Consumer(
        engine, await connected("notify"), stream="ACCOUNTS", durable="notify__accounts", handlers={type_: refuse}
    )
    running(maker)
    (letter,) = await dead_letters(connected, 1)
    assert not letter["body"]
    assert letter["headers"]["ce-id"] == event.id
    assert "ce-subject" not in letter["headers"]
    assert "example.org" not in str(letter)


async def test_a_dead_letter_that_cannot_be_stored_is_tried_until_it_can(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    provisioner = (await connected("provisioner")).jetstream()
    config = (await provisioner.stream_info("DLQ")).config
    await provisioner.update_stream(config.evolve(max_bytes=1))

    def refuse_one(connection: Connection, event: Event) -> None:
        if event.data["n"] == 1:
            raise Permanent("no")
        record(connection, event)

    await send(await connected("orders"), 1, 2)
    running(await consumer(refuse_one))
    await asyncio.sleep(0.5)
    assert effects(engine) == []
    await provisioner.update_stream(config)
    await until(lambda: effects(engine) == [2])
    assert len(await dead_letters(connected, 1)) == 1


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


async def set_ack_wait(connected: Callable[..., Any], seconds: float) -> None:
    js = (await connected("provisioner")).jetstream()
    config = (await js.consumer_info(STREAM, DURABLE)).config
    await js.add_consumer(STREAM, config.evolve(ack_wait=seconds))


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


async def test_a_handler_slower_than_ack_wait_keeps_its_event_to_itself(
    engine: Engine,
    connected: Callable[..., Any],
    consumer: Callable[..., Any],
    running: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer_module, "IN_PROGRESS_EVERY_S", 0.2)
    await set_ack_wait(connected, 0.6)
    entered: list[int] = []
    leave = threading.Event()

    def slow(connection: Connection, event: Event) -> None:
        entered.append(event.data["n"])
        leave.wait(2)
        record(connection, event)

    await send(await connected("orders"), 1)
    running(await consumer(slow))
    running(await consumer(slow))
    await until(lambda: effects(engine) == [1])
    assert entered == [1]


async def test_two_instances_share_the_durable_and_the_order_holds(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    running(await consumer())
    running(await consumer())
    await send(await connected("orders"), *range(100))
    await until(lambda: len(effects(engine)) == 100)
    assert effects(engine) == list(range(100))


async def test_stopping_finishes_the_event_at_hand_and_leaves_the_rest_to_the_next(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    first = await consumer()
    stop = asyncio.Event()
    task = asyncio.create_task(first.run(stop))
    await send(await connected("orders"), *range(50))
    await until(lambda: len(effects(engine)) > 3)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert not first.healthy
    running(await consumer())
    await until(lambda: len(effects(engine)) == 50)
    assert effects(engine) == list(range(50))


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

    async def nothing(*_args: Any, **_kwargs: Any) -> Any:
        await asyncio.sleep(0.1)
        raise NatsTimeout

    monkeypatch.setattr("nats.js.JetStreamContext.PullSubscription.fetch", nothing)
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


async def test_old_inbox_rows_are_pruned(
    engine: Engine, connected: Callable[..., Any], consumer: Callable[..., Any], running: Callable[..., Any]
) -> None:
    with engine.begin() as connection:
        old = "INSERT INTO inbox VALUES ('notify__orders', gen_random_uuid(), now() - interval '15 days')"
        connection.execute(text(old))
    running(await consumer())

    def rows() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM inbox")) or 0)

    await until(lambda: rows() == 0)

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mercadito_events import relay as relay_module
from mercadito_events.connection import NatsClosed
from mercadito_events.envelope import new_event
from mercadito_events.outbox import Relay, backlog, enqueue, enqueue_all
from mercadito_events.testing import NatsServer
from mercadito_events.testing.postgres import PostgresServer
from sqlalchemy import Connection, Engine, text
from steps import TYPE, drained, engine_for, numbers, put, read_stream, until


async def test_events_arrive_in_order_with_their_headers_and_are_marked_with_their_place(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    put(engine, *range(250))
    running(Relay(engine, await connected("orders"), service="orders"))
    await drained(engine)
    messages = await read_stream(await connected("operator"))
    assert numbers(messages) == list(range(250))
    assert messages[0]["headers"]["ce-type"] == TYPE == messages[0]["subject"]
    with engine.connect() as connection:
        marks = connection.execute(text("SELECT stream_seq FROM outbox ORDER BY id")).scalars().all()
    assert marks == list(range(1, 251))


async def test_events_written_in_one_statement_keep_their_order_and_their_words(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    words = ["\u0000 and \\u0000", "l\u00ednea\nnueva", '"quoted"', "\U0001f34b"]
    events = [
        new_event(TYPE, {"n": number, "w": words[number % 4]}, source="/mercadito/orders") for number in range(40)
    ]
    with engine.begin() as connection:
        enqueue_all(connection, events)
        enqueue_all(connection, [])
    running(Relay(engine, await connected("orders"), service="orders"))
    await drained(engine)
    messages = await read_stream(await connected("operator"))
    assert [json.loads(message["body"]) for message in messages] == [event.data for event in events]
    assert [message["headers"]["ce-id"] for message in messages] == [event.id for event in events]


def change_stock(engine: Engine, row: int, key: str) -> None:
    """Do as an order does: an idempotency row first, then the locks, then the event as the last statement."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO idempotency (key) VALUES (:key)"), {"key": key})
        changed = text("UPDATE stock SET version = version + 1 WHERE id = :id RETURNING version")
        version = connection.scalar(changed, {"id": row})
        event = new_event(TYPE, {"n": version, "row": row}, source="/mercadito/orders")
        enqueue(connection, event)
        if random.random() < 0.3:
            time.sleep(random.random() / 100)  # commits overtake each other between rows, never on the same row


async def test_changes_of_the_same_row_are_published_in_the_order_of_their_commits(
    engine: Engine, urls: Any, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    writers = engine_for(urls.app_url, pool_size=12)
    with writers.begin() as connection:
        connection.execute(text("INSERT INTO stock SELECT i, 0 FROM generate_series(0, 2) AS i"))
    running(Relay(engine, await connected("orders"), service="orders"))

    def write(worker: int) -> None:
        for turn in range(25):
            change_stock(writers, random.randrange(3), f"{worker}-{turn}")

    def write_all() -> None:
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(write, range(12)))

    await asyncio.to_thread(write_all)
    await drained(engine)
    writers.dispose()
    bodies = [json.loads(message["body"]) for message in await read_stream(await connected("operator"))]
    assert len(bodies) == 300
    for row in range(3):
        versions = [body["n"] for body in bodies if body["row"] == row]
        assert versions == list(range(1, len(versions) + 1))


async def test_a_small_id_that_commits_late_is_not_skipped(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    may_commit, written = threading.Event(), threading.Event()

    def slow() -> None:
        with engine.begin() as connection:
            enqueue(connection, new_event(TYPE, {"n": 1}, source="/mercadito/orders"))
            written.set()
            may_commit.wait(10)

    thread = threading.Thread(target=slow)
    thread.start()
    written.wait(10)
    put(engine, 2, 3)
    running(Relay(engine, await connected("orders"), service="orders"))
    await drained(engine)
    may_commit.set()
    thread.join()
    await drained(engine)
    assert numbers(await read_stream(await connected("operator"))) == [2, 3, 1]


async def test_a_relay_killed_between_publishing_and_marking_publishes_again_and_the_stream_keeps_one(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, 1, 2, 3)
    nc = await connected("orders")

    class Killed(BaseException):
        pass

    def die(_connection: Connection, _done: Any) -> None:
        raise Killed

    monkeypatch.setattr(relay_module, "_mark", die)
    with pytest.raises(Killed):
        await Relay(engine, nc, service="orders").run(asyncio.Event())
    monkeypatch.undo()
    assert backlog(engine).rows == 3
    put(engine, 4)
    running(Relay(engine, nc, service="orders"))
    await drained(engine)
    assert numbers(await read_stream(await connected("operator"))) == [1, 2, 3, 4]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT stream_seq FROM outbox ORDER BY id")).scalars().all() == [1, 2, 3, 4]


async def test_two_relays_at_once_publish_each_event_once_and_in_order(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    first, second = [Relay(engine, await connected("orders"), service="orders") for _ in range(2)]
    stop_first = running(first)
    running(second)
    put(engine, *range(100))
    await drained(engine)
    assert [first.leading, second.leading].count(True) == 1
    (stop_first if first.leading else running(first)).set()
    put(engine, *range(100, 200))
    await drained(engine)
    assert numbers(await read_stream(await connected("operator"))) == list(range(200))


async def test_another_relay_takes_over_when_the_leader_stops(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    first, second = [Relay(engine, await connected("orders"), service="orders") for _ in range(2)]
    stop = running(first)
    await until(lambda: first.leading)
    running(second)
    stop.set()
    await until(lambda: second.leading and not first.leading)
    put(engine, 1)
    await drained(engine)


async def test_nothing_is_lost_doubled_or_turned_around_when_nats_is_killed_while_publishing(
    engine: Engine, nats: NatsServer, connected: Callable[..., Any], running: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(relay_module, "PUBLISH_TIMEOUT_S", 0.5)
    running(Relay(engine, await connected("orders"), service="orders"))
    for round_ in range(3):
        put(engine, *range(round_ * 300, round_ * 300 + 300))
        await until(lambda round_=round_: backlog(engine).rows < 250)
        await asyncio.to_thread(nats.kill)
        await asyncio.to_thread(nats.start)
    await drained(engine, 30)
    assert numbers(await read_stream(await connected("operator"))) == list(range(900))


async def test_a_relay_that_loses_its_database_session_leads_no_more_until_it_holds_the_lock_again(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any], postgres_server: PostgresServer
) -> None:
    relay = Relay(engine, await connected("orders"), service="orders")
    running(relay)
    await until(lambda: relay.leading)
    with postgres_server.connect("postgres") as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kit-tests'")
    await until(lambda: not relay.leading)
    await until(lambda: relay.leading)
    put(engine, 1)
    await drained(engine)


async def test_the_relay_goes_on_after_the_database_was_restarted(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any], postgres_server: PostgresServer
) -> None:
    running(Relay(engine, await connected("orders"), service="orders"))
    put(engine, 1)
    await drained(engine)
    await asyncio.to_thread(postgres_server.kill)
    await asyncio.to_thread(postgres_server.start)
    put(engine, 2)
    await drained(engine)
    assert numbers(await read_stream(await connected("operator"))) == [1, 2]


async def test_a_leader_that_lost_its_session_in_the_middle_of_a_batch_stops_publishing(
    engine: Engine, connected: Callable[..., Any], postgres_server: PostgresServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(relay_module, "LEADERSHIP_CHECK_S", 0.0)
    put(engine, *range(50))
    relay = Relay(engine, await connected("orders"), service="orders")
    stop, publish, published = asyncio.Event(), relay._publish_one, []

    async def publish_and_lose(row: Any) -> int:
        published.append(row.id)
        if len(published) == 5:
            with postgres_server.connect("postgres") as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='kit-tests'"
                )
            stop.set()
        return await publish(row)

    monkeypatch.setattr(relay, "_publish_one", publish_and_lose)
    await relay.run(stop)
    assert published == [1, 2, 3, 4, 5]
    assert backlog(engine).rows == 50


async def test_an_event_that_expired_before_it_was_published_is_never_published_and_its_body_is_blanked(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    put(engine, 1, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    put(engine, 2, expires_at=datetime.now(UTC) + timedelta(hours=1))
    running(Relay(engine, await connected("orders"), service="orders"))
    await drained(engine)
    assert numbers(await read_stream(await connected("operator"))) == [2]
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT stream_seq, length(body) > 0 FROM outbox ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(None, False), (1, True)]


async def test_published_rows_are_pruned_after_seven_days_and_waiting_ones_are_not(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    put(engine, 1, 2)
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET published_at = now() - interval '8 days' WHERE id = 1"))
        connection.execute(text("UPDATE outbox SET published_at = now() - interval '6 days' WHERE id = 2"))
    put(engine, 3)
    running(Relay(engine, await connected("orders"), service="orders"))
    await drained(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM outbox ORDER BY id")).scalars().all() == [2, 3]


async def test_a_full_stream_holds_the_outbox_back_and_loses_nothing(
    engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]
) -> None:
    provisioner = (await connected("provisioner")).jetstream()
    config = (await provisioner.stream_info("ORDERS")).config
    await provisioner.update_stream(config.evolve(max_bytes=1))
    put(engine, 1)
    relay = Relay(engine, await connected("orders"), service="orders")
    running(relay)
    await until(lambda: relay._failed > 1)
    assert backlog(engine).rows == 1
    await provisioner.update_stream(config)
    await drained(engine)


async def test_a_connection_closed_for_good_ends_the_relay_with_an_error(
    engine: Engine, connected: Callable[..., Any]
) -> None:
    nc = await connected("orders")
    await nc.close()
    with pytest.raises(NatsClosed):
        await Relay(engine, nc, service="orders").run(asyncio.Event())


def test_an_event_for_which_there_is_no_stream_is_refused_when_it_is_written(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(LookupError, match="weather"):
        enqueue(connection, new_event("weather.rain.started.v1", {}, source="/x"))


def test_the_backlog_counts_what_waits_and_how_long(engine: Engine) -> None:
    assert backlog(engine).rows == 0
    put(engine, 1, 2)
    assert backlog(engine).rows == 2
    assert 0 <= backlog(engine).oldest_s < 60

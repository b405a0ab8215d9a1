"""A real process between a real nats-server, a real database and a relay that can be told to fail."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_relay import FaultyRelay, Taken
from mercadito_events.connection import connect
from mercadito_events.envelope import Event, new_event, uuid7
from mercadito_events.testing import DatabaseUrls, NatsServer
from process import NotifyProcess, publish
from sqlalchemy import Engine, text
from world import contact, order

Eventually = Callable[..., Any]
SOURCE = "/mercadito/orders"


@pytest.fixture
def nats(nats_server: NatsServer) -> NatsServer:
    nats_server.reset()
    return nats_server


@pytest.fixture
def notify(urls: DatabaseUrls, nats: NatsServer, relay: FaultyRelay, tmp_path: Path) -> Iterator[NotifyProcess]:
    process = NotifyProcess(urls, nats, tmp_path, relay.port)
    yield process
    process.kill()


def placed(**changes: Any) -> Event:
    return new_event("orders.order.placed.v1", order(**changes), source=SOURCE)


def known(**changes: Any) -> Event:
    return new_event("accounts.contact.changed.v1", contact(**changes), source=SOURCE)


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT state FROM messages ORDER BY id")))


def handled(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM inbox")) or 0)


def stored(nats: NatsServer, stream: str) -> list[Any]:
    """Return every message of a stream, read as an operator may."""

    async def read() -> list[Any]:
        nc = await connect(nats.settings("operator"), name="test")
        try:
            js = nc.jetstream()
            info = await js.stream_info(stream)
            return [await js.get_msg(stream, seq + 1) for seq in range(info.state.messages)]
        finally:
            await nc.close()

    return asyncio.run(read())


def published(nats: NatsServer) -> list[tuple[str, dict[str, Any]]]:
    return [(str(message.subject), json.loads(message.data or b"")) for message in stored(nats, "NOTIFY")]


def test_an_event_delivered_twice_and_told_twice_becomes_one_mail_and_one_event(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    notify.start()
    event = placed(number="4711")
    # The same event under another Nats-Msg-Id passes the stream's own check; the same order under another id too.
    again, retold = event, dataclasses.replace(event, id=uuid7())
    publish(nats, known(), event, retold)
    asyncio.run(publish_past_the_duplicate_check(nats, again))
    eventually(lambda: handled(engine) == 3 and states(engine) == ["sent"])
    eventually(lambda: published(nats))
    assert [one.recipient for one in relay.taken] == ["rosa@tienda.example"]
    ((kind, told),) = published(nats)
    assert (kind, told["order_id"]) == ("notify.email.sent.v1", event.data["order_id"])
    assert "@tienda" not in json.dumps(told)
    assert "@tienda" not in notify.log
    assert notify.stop() == 0


async def publish_past_the_duplicate_check(nats: NatsServer, event: Event) -> None:
    nc = await connect(nats.settings("orders"), name="test")
    await nc.jetstream().publish(event.type, event.body(), headers=event.headers() | {"Nats-Msg-Id": uuid7()})
    await nc.close()


def test_a_contact_that_arrives_after_the_order_is_mailed(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    notify.start()
    publish(nats, placed())
    eventually(lambda: handled(engine) == 1)
    assert states(engine) == []
    publish(nats, known())
    eventually(lambda: states(engine) == ["sent"])
    assert len(relay.taken) == 1


def test_an_event_that_cannot_be_read_becomes_a_dead_letter_and_the_next_is_handled(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    notify.start()
    publish(nats, known(), placed(lines="none"), placed())
    eventually(lambda: states(engine) == ["sent"])
    (dead,) = stored(nats, "DLQ")
    assert dead.subject == "dlq.notify__orders"
    assert "lines" in str(dead.headers)


def test_killed_before_the_event_is_recorded_one_mail_is_sent(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    asyncio.run(deliver_again_after(nats, "ORDERS", "notify__orders", seconds=2))
    notify.start()
    publish(nats, known())
    eventually(lambda: handled(engine) == 1)
    with engine.begin() as connection:
        # Writing is blocked; looking, as the sender does, is not.
        connection.execute(text("LOCK TABLE intents IN SHARE MODE"))
        publish(nats, placed())
        eventually(lambda: blocked(engine, "INSERT INTO intents"))
        notify.kill()
    assert handled(engine) == 1
    notify.start()
    eventually(lambda: states(engine) == ["sent"])
    assert len(relay.taken) == 1


async def deliver_again_after(nats: NatsServer, stream: str, durable: str, *, seconds: float) -> None:
    """Shorten the durable's ack_wait: what a dead process held comes back after it, in production after 30 s."""
    nc = await connect(nats.settings("provisioner"), name="test")
    try:
        js = nc.jetstream()
        config = (await js.consumer_info(stream, durable)).config
        config.ack_wait = seconds
        await js.add_consumer(stream, config)
    finally:
        await nc.close()


def blocked(engine: Engine, statement: str) -> bool:
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE :statement")
        return bool(connection.scalar(query, {"statement": f"%{statement}%"}))


def test_killed_between_recording_and_claiming_one_mail_is_sent(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE relays SET faults = 1, paused_until = now() + interval '1 hour'"))
    notify.start()
    publish(nats, known(), placed())
    eventually(lambda: states(engine) == ["queued"])
    notify.kill()
    with engine.begin() as connection:
        connection.execute(text("UPDATE relays SET paused_until = NULL"))
    notify.start()
    eventually(lambda: states(engine) == ["sent"])
    assert len(relay.taken) == 1


def test_killed_after_claiming_one_mail_is_sent(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    relay.scripts = ["hang_before_greeting", "accept"]
    notify.start()
    publish(nats, known(), placed())
    eventually(lambda: relay.connections == 1 and states(engine) == ["sending"])
    notify.kill()
    notify.start()
    eventually(lambda: states(engine) == ["sent"])
    assert len(relay.taken) == 1


def test_killed_after_the_dot_at_most_one_more_with_the_same_id_and_bytes(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    relay.scripts = ["hang_after_dot", "accept"]
    notify.start()
    publish(nats, known(), placed())
    eventually(lambda: len(relay.taken) == 1)
    notify.kill()
    notify.start()
    eventually(lambda: states(engine) == ["sent"])
    assert len(relay.taken) == 2
    assert relay.taken[0].raw == relay.taken[1].raw


def test_killed_after_the_250_at_most_one_more_with_the_same_id_and_bytes(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    locked, release = threading.Event(), threading.Event()

    def hold_the_row() -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT 1 FROM messages FOR UPDATE"))
            locked.set()
            release.wait(20)

    def before_answer() -> None:
        if not locked.is_set():
            threading.Thread(target=hold_the_row, daemon=True).start()
            locked.wait(10)

    relay.before_answer = before_answer
    notify.start()
    publish(nats, known(), placed())
    eventually(lambda: len(relay.taken) == 1 and blocked(engine, "SET state = "))
    notify.kill()
    release.set()
    notify.start()
    eventually(lambda: states(engine) == ["sent"])
    assert_same_mail(relay.taken)


def assert_same_mail(taken: list[Taken]) -> None:
    assert len(taken) == 2
    assert taken[0].raw == taken[1].raw


def test_a_relay_that_is_away_for_a_while_gets_everything_afterwards(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    relay.stop()
    notify.start()
    publish(nats, known(), *[placed() for _ in range(5)])
    eventually(lambda: "alarm_queue_paused" in notify.log)
    relay.start()
    eventually(lambda: states(engine) == ["sent"] * 5)
    assert len(relay.taken) == 5
    assert notify.ask("/readyz")[0] == 200


def test_a_database_that_restarts_is_waited_for(
    notify: NotifyProcess, engine: Engine, nats: NatsServer, eventually: Eventually, postgres_server: Any
) -> None:
    notify.start()
    publish(nats, known())
    eventually(lambda: handled(engine) == 1)
    engine.dispose()
    postgres_server.stop()
    try:
        publish(nats, placed())
        eventually(lambda: notify.ask("/readyz")[0] == 503)
        assert notify.ask("/healthz")[0] == 200
    finally:
        postgres_server.start()
    eventually(lambda: states(engine) == ["sent"])


def test_sigterm_finishes_the_message_in_hand(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats: NatsServer, eventually: Eventually
) -> None:
    gone_on = threading.Event()
    relay.before_answer = lambda: bool(gone_on.wait(10))
    notify.start()
    publish(nats, known(), placed())
    eventually(lambda: len(relay.taken) == 1)
    threading.Timer(0.5, gone_on.set).start()
    assert notify.stop() == 0
    assert states(engine) == ["sent"]


def test_health_metrics_and_readiness_are_told(notify: NotifyProcess, nats: NatsServer, eventually: Eventually) -> None:
    notify.start()
    assert notify.ask("/healthz")[0] == 200
    assert b"notify_oldest_due_seconds" in notify.ask("/metrics")[1]
    assert json.loads(notify.ask("/readyz")[1]) == {"service": "notify", "ready": True, "problems": []}


def test_pages_behind_mails_need_no_nats(
    notify: NotifyProcess, engine: Engine, nats: NatsServer, eventually: Eventually
) -> None:
    """Neither at the start nor later: the gateway holds what goes to a service that calls itself unready."""
    nats.kill()
    try:
        notify.start()  # is ready
        assert notify.ask("/mail/page.css")[0] == 200
        assert b'mercadito_nats_connected{connection="notify"} 0.0' in notify.ask("/metrics")[1]
    finally:
        nats.start()
    eventually(lambda: b'mercadito_nats_connected{connection="notify"} 1.0' in notify.ask("/metrics")[1])
    publish(nats, known(), placed())
    eventually(lambda: states(engine) == ["sent"])
    nats.kill()
    try:
        eventually(lambda: b'mercadito_nats_connected{connection="notify"} 0.0' in notify.ask("/metrics")[1])
        assert notify.ask("/readyz")[0] == 200
    finally:
        nats.start()


def test_a_notify_that_has_not_reached_nats_ends_when_asked_to(notify: NotifyProcess, nats: NatsServer) -> None:
    nats.kill()
    try:
        notify.start()
        assert notify.stop() == 0
    finally:
        nats.start()

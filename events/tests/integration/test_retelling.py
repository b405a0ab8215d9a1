"""What was lost after its acknowledgement, or could not be handled, is told again from the outbox."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from consuming import DURABLE, STREAM, USER, dead_letters, effects, record, refuse_one
from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import Consumer, Permanent
from mercadito_events.outbox import Relay, enqueue
from mercadito_events.testing import DatabaseUrls, NatsServer
from nats import NATS
from running import Run
from sqlalchemy import Connection, Engine, make_url, text
from steps import TYPE, drained, numbers, put, read_stream, until

Command = Callable[..., Awaitable[Any]]
CONTACT = "accounts.contact.changed.v1"


@pytest.fixture
def command(run: Run, urls: DatabaseUrls) -> Command:
    """Return a function that runs the command as the operator does, with the database of the publisher."""
    url = make_url(urls.app_url)
    where = f"postgresql://{url.username}@{url.host}:{url.port}/{url.database}"
    env = {"DATABASE_URL": where, "DATABASE_PASSWORD": str(url.password)}

    async def run_it(*arguments: str, **overrides: str) -> Any:
        return await asyncio.to_thread(run, "operator", *arguments, **env | overrides)

    return run_it


@pytest.fixture
async def relayed(engine: Engine, connected: Callable[..., Any], running: Callable[..., Any]) -> NATS:
    """Return the connection of a publisher whose outbox is relayed."""
    nc: NATS = await connected("orders")
    running(Relay(engine, nc, service="orders"))
    return nc


async def test_what_the_streams_lost_is_told_again_in_order_and_handled_once(  # noqa: PLR0917 - fixtures
    engine: Engine,
    nats: NatsServer,
    relayed: NATS,
    connected: Callable[..., Any],
    running: Callable[..., Any],
    command: Command,
) -> None:
    put(engine, 1, 2, 3)
    await drained(engine)
    with engine.begin() as connection:  # one was handled before the others were lost
        event_id = connection.scalar(text("SELECT event_id FROM outbox ORDER BY id LIMIT 1"))
        connection.execute(text("INSERT INTO inbox (durable, event_id) VALUES (:d, :e)"), {"d": DURABLE, "e": event_id})
    await asyncio.to_thread(nats.forget)
    await asyncio.to_thread(nats.provision)
    await until(lambda: relayed.is_connected)
    done = await command("replay", "--since", "1h")
    assert done.returncode == 0, done.stderr
    assert ": 3 events are told again, the first of 20" in done.stdout
    await drained(engine)
    running(Consumer(engine, await connected(USER), stream=STREAM, durable=DURABLE, handlers={TYPE: record}))
    await until(lambda: effects(engine) == [2, 3])
    assert numbers(await read_stream(await connected("operator"))) == [1, 2, 3]


async def test_a_stream_that_still_has_an_event_takes_it_a_second_time(
    engine: Engine, relayed: NATS, connected: Callable[..., Any], command: Command
) -> None:
    put(engine, 1)
    await drained(engine)
    assert (await command("replay", "--since", "1h")).returncode == 0
    await drained(engine)
    first, again = await read_stream(await connected("operator"))
    assert (first["body"], first["headers"]["ce-id"]) == (again["body"], again["headers"]["ce-id"])


async def test_what_is_over_or_older_is_not_told_again(engine: Engine, relayed: NATS, command: Command) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    put(engine, 1, expires_at=soon)
    put(engine, 2)
    await drained(engine)
    await until(lambda: datetime.now(UTC) > soon)
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET published_at = now() - interval '2 h' WHERE expires_at IS NULL"))
    assert ": 0 events are told again" in (await command("replay", "--since", "1h")).stdout
    assert ": 1 events are told again" in (await command("replay", "--since", "3h")).stdout


async def fail(connected: Callable[..., Any], engine: Engine) -> None:
    """Let a consumer make a dead letter of the event 1, and end."""
    stop = asyncio.Event()
    made = Consumer(engine, await connected(USER), stream=STREAM, durable=DURABLE, handlers={TYPE: refuse_one})
    task = asyncio.create_task(made.run(stop))
    await until(lambda: effects(engine) == [2])
    stop.set()
    await task


async def test_a_dead_letter_is_listed_shown_told_again_and_taken_off(
    engine: Engine, relayed: NATS, connected: Callable[..., Any], running: Callable[..., Any], command: Command
) -> None:
    put(engine, 1, 2)
    await fail(connected, engine)
    (letter,) = await dead_letters(connected, 1)
    for arguments in (["dlq", "list"], ["dlq", "list", DURABLE]):
        (line,) = (await command(*arguments)).stdout.splitlines()
        assert line.split()[:1] + line.split()[2:] == [
            "1", DURABLE, TYPE, letter["headers"]["ce-id"], "Permanent:", "no", "such", "store"
        ]  # fmt: skip
    assert not (await command("dlq", "list", "orders__usda")).stdout
    shown = (await command("dlq", "show", "1")).stdout
    assert "x-error: Permanent: no such store\n" in shown
    assert shown.endswith('{\n  "n": 1\n}\n')
    done = await command("dlq", "replay", "1")
    assert (done.returncode, done.stdout) == (0, "1 told again\n"), done.stderr
    running(Consumer(engine, await connected(USER), stream=STREAM, durable=DURABLE, handlers={TYPE: record}))
    await until(lambda: effects(engine) == [2, 1])
    assert not (await command("dlq", "list")).stdout


async def test_one_that_fails_again_is_a_dead_letter_again(
    engine: Engine, relayed: NATS, connected: Callable[..., Any], command: Command
) -> None:
    put(engine, 1, 2)
    await fail(connected, engine)
    assert (await command("dlq", "replay", "1-5")).returncode == 0
    await drained(engine)
    put(engine, 2)
    stop = asyncio.Event()
    made = Consumer(engine, await connected(USER), stream=STREAM, durable=DURABLE, handlers={TYPE: refuse_one})
    task = asyncio.create_task(made.run(stop))
    await until(lambda: effects(engine) == [2, 2])
    stop.set()
    await task
    assert (await command("dlq", "list")).stdout.startswith("2  ")


async def test_an_account_event_is_told_again_though_its_dead_letter_has_no_body(
    engine: Engine, relayed: NATS, connected: Callable[..., Any], running: Callable[..., Any], command: Command
) -> None:
    tries: list[str] = []

    def refuse_once(connection: Connection, event: Event) -> None:
        tries.append(event.id)
        if len(tries) == 1:
            raise Permanent("no such person")
        record(connection, event)

    where = {"stream": "ACCOUNTS", "durable": "notify__accounts", "handlers": {CONTACT: refuse_once}}
    running(Consumer(engine, await connected(USER), **where))
    with engine.begin() as connection:
        enqueue(connection, new_event(CONTACT, {"n": 1}, source="/mercadito/orders"))
    (letter,) = await dead_letters(connected, 1)
    assert not letter["body"]
    assert (await command("dlq", "replay", "1")).stdout == "1 told again\n"
    await until(lambda: effects(engine) == [1])


async def test_letters_of_others_are_passed_over_and_those_that_cannot_be_told_stay(
    engine: Engine, relayed: NATS, connected: Callable[..., Any], command: Command
) -> None:
    put(engine, 1, 2)
    await fail(connected, engine)
    bury = (await connected("orders")).jetstream().publish
    await bury("dlq.orders__usda", b"{}", headers={"ce-id": "x", "ce-source": "/mercadito/usda"})
    await bury("dlq.orders__usda", b"{}", headers={"ce-id": "no uuid", "ce-source": "/mercadito/orders"})
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET expires_at = now()"))
    done = await command("dlq", "replay", "1-900")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "1 stays: it was for a time that has passed",
        "3 stays: the outbox holds it no longer (it keeps them for 7 days)",
        "1 not of this service",
    ]
    assert len(await read_stream(await connected("operator"), "DLQ")) == 3


async def test_dead_letters_are_discarded_by_number_and_range(connected: Callable[..., Any], command: Command) -> None:
    bury = (await connected("notify")).jetstream().publish
    for number in range(5):
        await bury("dlq.notify__orders", b"\x1b[2J", headers={"ce-id": str(number), "x-error": "\x1b[2J"})
    assert "\x1b" not in (await command("dlq", "list")).stdout + (await command("dlq", "show", "2")).stdout
    done = await command("dlq", "discard", "1", "3-4")
    assert (done.returncode, done.stdout) == (0, "1 discarded\n3 discarded\n4 discarded\n")
    assert [line.split()[0] for line in (await command("dlq", "list")).stdout.splitlines()] == ["2", "5"]
    for arguments in (["discard", "1", "7-9"], ["show", "1"]):
        done = await command("dlq", *arguments)
        assert (done.returncode, "no " in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "overrides", "says"),
    [
        (["replay"], {}, "--since"),
        (["replay", "--since", "1h"], {"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        (
            ["replay", "--since", "1h"],
            {"DATABASE_URL": "postgresql://me@127.0.0.1:1/x"},
            "outbox of x cannot",
        ),
        (["dlq", "replay", "1"], {"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        (["dlq", "replay", "1"], {"NATS_USER": ""}, "NATS_USER is not set"),
        (["dlq", "replay", "4-1"], {}, "neither a number"),
        (["dlq", "show", "1-4"], {}, "more than one"),
        (["dlq", "list", "mine"], {}, "none of usda__sign_outs"),
        (["dlq"], {}, "required"),
    ],
)
async def test_a_call_that_cannot_work_is_explained(
    command: Command, arguments: list[str], overrides: dict[str, str], says: str
) -> None:
    done = await command(*arguments, **overrides)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr

"""Those who run the system are told by mail what nobody might look at: each cause once a day, and never in a circle."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from notify.queueing import alarms, dead_letters, intents, pause
from notify.queueing.policy import State
from outgoing import Eventually, know, messages, placed, record, sending
from sqlalchemy import Engine, text
from world import DOMAIN
from world import relay as way

ONE, BOTH = [pause.PRIMARY], [pause.PRIMARY, pause.SECONDARY]
GIVEN_UP = ("failed", "unknown", "expired")


@pytest.fixture(autouse=True)
def ada(engine: Engine) -> None:
    """An admin, a member of the staff, and a buyer with orders."""
    know(engine, person_id="ada", email="ada@hub.example", name="Ada", locale="en", role="admin", store_ids=[])
    know(engine, person_id="sam", email="sam@hub.example", name="Sam", role="staff", store_ids=[])
    know(engine)


def change(engine: Engine, sql: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), values)


def look(engine: Engine, relays: list[str] = BOTH) -> None:
    with engine.begin() as connection:
        alarms.look(connection, relays)


def told(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, data FROM intents WHERE kind LIKE 'alarm%' ORDER BY id"))
        return [{"kind": row.kind, **row.data} for row in rows]


def later(engine: Engine, hours: int = 25) -> None:
    """Let hours pass, and midnight: everything that is there happened so much earlier."""
    ago = timedelta(hours=hours)
    change(engine, "UPDATE intents SET created_at = created_at - :ago, key = 'yesterday:' || key", ago=ago)
    change(engine, "UPDATE messages SET updated_at = updated_at - :ago", ago=ago)
    change(engine, "UPDATE dead_letters SET at = at - :ago", ago=ago)


def bury(engine: Engine, durable: str = "notify__orders", *, seq: int = 1) -> None:
    dead = placed()
    letter = dead_letters.DeadLetter(
        durable, "ORDERS", seq, dead.type, dead.headers(), dead.body(), "Permanent: lines.0 cannot be read"
    )
    with engine.begin() as connection:
        dead_letters.keep(connection, letter)


@pytest.fixture
def give_up(engine: Engine) -> Callable[..., None]:
    """Let one more mail about an order end in a state, so long ago; or one of another kind."""

    def end(state: str, *, ago: str = "2 hours", kind: str = "order_confirmation") -> None:
        record(engine, placed())
        with engine.begin() as connection:
            intents.expand(connection, domain=DOMAIN)
        newest = "WHERE id = (SELECT max(id) FROM messages)"
        change(
            engine,
            f"UPDATE messages SET state = :state, kind = :kind, updated_at = now() - CAST(:ago AS interval) {newest}",
            state=state,
            kind=kind,
            ago=ago,
        )

    return end


def test_nothing_is_told_while_all_is_well(engine: Engine) -> None:
    look(engine)
    assert told(engine) == []


def test_events_that_nobody_handled_are_told_once_a_day_for_each_reader(engine: Engine) -> None:
    for seq in range(1, 9):
        bury(engine, seq=seq)
    bury(engine, "notify__usda")
    for _ in range(3):
        look(engine)
    first, second = told(engine)
    assert (first["durable"], first["number"], len(first["newest"])) == ("notify__orders", 8, 5)
    assert first["newest"][0]["error"] == "Permanent: lines.0 cannot be read"
    assert (second["durable"], second["number"]) == ("notify__usda", 1)
    # What they said stands in no alarm.
    assert "tienda" not in str(told(engine)).lower()
    later(engine)
    look(engine)
    assert len(told(engine)) == 2
    bury(engine, seq=99)
    look(engine)
    assert len(told(engine)) == 3


def test_events_that_were_handled_after_all_are_not_told(engine: Engine) -> None:
    bury(engine)
    change(engine, "UPDATE dead_letters SET replayed_at = now()")
    look(engine)
    assert told(engine) == []


def test_mails_given_up_are_gathered_and_told_once_a_day(engine: Engine, give_up: Callable[..., None]) -> None:
    give_up("failed", ago="10 minutes")
    look(engine)
    assert told(engine) == [], "others are waited for"
    for state in (*GIVEN_UP, "failed"):
        give_up(state)
    for _ in range(2):
        look(engine)
    (alarm,) = told(engine)
    assert alarm["kinds"] == [
        {"kind": "order_confirmation", "name": "Order received", "name_es": "Pedido recibido",
         "failed": 3, "unknown": 1, "expired": 1, "unaddressed": 0}
    ]  # fmt: skip
    give_up("failed", ago="0 s")
    look(engine)
    assert len(told(engine)) == 1, "not again today"
    later(engine, hours=20)
    look(engine)
    assert len(told(engine)) == 1, "nor 20 hours later, on the next day"
    later(engine, hours=5)
    look(engine)
    assert [kind["failed"] for kind in told(engine)[1]["kinds"]] == [1], "what was told is not told again"


@pytest.mark.parametrize("state", ["suppressed", "sent", "queued", "deferred"])
def test_what_was_not_given_up_is_not_told(engine: Engine, give_up: Callable[..., None], state: str) -> None:
    give_up(state)
    look(engine)
    assert told(engine) == []


@pytest.mark.parametrize("kind", ["alarm_mails", "alarm_events", "alarm_relay", "crawl_failed", "reminder"])
def test_an_alarm_that_did_not_arrive_is_no_cause_for_another(
    engine: Engine, give_up: Callable[..., None], kind: str
) -> None:
    for state in GIVEN_UP:
        give_up(state, kind=kind)
    look(engine)
    assert told(engine) == []


def fault(engine: Engine, name: str, *, lasting: str = "20 minutes", reason: str = "x:587 cannot be reached") -> None:
    """Let a relay have its first fault so long ago and its last one now."""
    with engine.begin() as connection:
        pause.pause(connection, name, reason, random.Random(1))
    change(
        engine,
        "UPDATE relays SET faulty_since = updated_at - CAST(:lasting AS interval) WHERE name = :name",
        lasting=lasting,
        name=name,
    )


def test_a_relay_that_is_away_for_long_is_told_once_a_day_and_whether_all_are(engine: Engine) -> None:
    fault(engine, pause.PRIMARY)
    for _ in range(2):
        look(engine)
    (alarm,) = told(engine)
    assert ([each["name"] for each in alarm["relays"]], alarm["all_away"]) == (["primary"], False)
    assert alarm["relays"][0]["reason"] == "x:587 cannot be reached"
    fault(engine, pause.SECONDARY)
    for _ in range(2):
        look(engine)
    assert [each["all_away"] for each in told(engine)] == [False, True]


def test_with_one_relay_alone_everything_waits(engine: Engine) -> None:
    fault(engine, pause.PRIMARY)
    look(engine, ONE)
    assert [each["all_away"] for each in told(engine)] == [True]


def test_a_short_pause_one_fault_alone_and_a_relay_that_is_ours_no_more_are_not_told(engine: Engine) -> None:
    fault(engine, pause.PRIMARY, lasting="5 minutes")
    look(engine)
    # One fault yesterday, and nothing to send since.
    change(engine, "UPDATE relays SET faulty_since = now() - interval '1 day', updated_at = now() - interval '1 day'")
    look(engine)
    fault(engine, pause.SECONDARY)
    look(engine, ONE)
    assert told(engine) == []


def test_two_processes_that_look_at_once_say_it_once(engine: Engine, give_up: Callable[..., None]) -> None:
    give_up("failed")
    bury(engine)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(look, engine) for _ in range(16)]:
            done.result()
    assert sorted(each["kind"] for each in told(engine)) == ["alarm_events", "alarm_mails"]


async def test_the_alarm_of_the_first_relay_leaves_by_the_second_at_once(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    fault(engine, pause.PRIMARY)
    relays = [way(1, name=pause.PRIMARY), way(relay.port, name=pause.SECONDARY)]
    async with sending(engine, relay.port, relays=relays):
        await asyncio.to_thread(eventually, lambda: relay.taken)
        (taken,) = relay.taken
    # To those who run the system, and to nobody else of the hub.
    assert taken.recipient == "ada@hub.example"
    assert b"mail server can not be used" in taken.raw
    assert [row.kind for row in messages(engine)] == ["alarm_relay"]


async def test_with_one_relay_it_leaves_as_soon_as_mail_does_again(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    fault(engine, pause.PRIMARY)
    change(engine, "UPDATE relays SET paused_until = now() + interval '1 hour'")
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: messages(engine))
        assert [row.state for row in messages(engine)] == [State.QUEUED]
        change(engine, "UPDATE relays SET paused_until = now()")
        await asyncio.to_thread(eventually, lambda: relay.taken)
        await asyncio.to_thread(eventually, lambda: messages(engine)[0].state == State.SENT)
    assert b"no mail server could be used" in relay.taken[0].raw


def test_where_nobody_runs_the_system_an_alarm_waits_for_somebody(engine: Engine) -> None:
    know(engine, person_id="ada", email="ada@hub.example", role="staff", version=2)
    bury(engine)
    look(engine)
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 0
    know(engine, person_id="eve", email="eve@hub.example", role="admin")
    change(engine, "UPDATE intents SET look_at = now()")
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 1

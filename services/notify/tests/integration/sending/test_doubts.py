"""What a relay says of us, or does to every mail, to one after the other: it is the relay's fault, and no mail's."""

import asyncio
import random
from dataclasses import replace

import pytest
from faulty_relay import FaultyRelay
from notify.errors import ConversationLost
from notify.queueing import pause
from notify.queueing.policy import MAX_DOUBTFUL
from notify.queueing.resending import resend
from notify.sending import routes
from notify.sending.connections import Bounds
from outgoing import Eventually, events, know, messages, placed, record, sending, settled
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from world import QUICK
from world import relay as relay_at

READERS = 8


@pytest.fixture
def queued(engine: Engine) -> None:
    """One order, told to many, each at another provider."""
    for number in range(READERS):
        know(engine, person_id=f"person-{number}", email=f"rosa@tienda-{number}.example")
    record(engine, placed())


def is_away(engine: Engine, name: str = pause.PRIMARY) -> bool:
    with engine.connect() as connection:
        return pause.current(connection).get(name, pause.FLOWS).faults > 0


@pytest.mark.usefixtures("queued", "soon")
@pytest.mark.parametrize("script", ["denied", "spent", "drop_at_data"])
async def test_what_it_does_to_all_is_its_fault_and_costs_no_mail(
    engine: Engine,
    relay: FaultyRelay,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
) -> None:
    # It answers: held as long as one that can't be reached, it would have a reset wait for minutes.
    monkeypatch.setattr(pause, "LONGEST_IN_DOUBT_S", 0.05)
    relay.scripts = [script]
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: is_away(engine))
        # Long enough for every mail to be tried more often than it would be by itself.
        await asyncio.to_thread(eventually, lambda: relay.connections > READERS * (MAX_DOUBTFUL + 1))
        relay.scripts = ["accept"]
        rows = await settled(engine, eventually, "sent", number=READERS)
    assert max(row.attempts for row in rows) <= MAX_DOUBTFUL
    assert len(relay.taken) == READERS
    assert not is_away(engine)
    assert "notify.email.failed.v1" not in {name for name, _ in events(engine)}
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM suppressions").scalar() == 0


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize("script", ["denied", "spent", "drop_at_data", "data_554"])
async def test_the_second_relay_is_asked_at_once(
    engine: Engine, relay: FaultyRelay, second: FaultyRelay, eventually: Eventually, script: str
) -> None:
    relay.scripts = [script]
    relays = [relay_at(relay.port), relay_at(second.port, name="secondary")]
    async with sending(engine, 0, relays=relays):
        rows = await settled(engine, eventually, "sent", number=READERS)
    assert {row.given_to for row in rows} == {"secondary"}
    assert is_away(engine)


async def test_a_relay_that_reads_nothing_of_a_mail_did_not_take_it(
    engine: Engine, second: FaultyRelay, eventually: Eventually, queued: None
) -> None:
    deaf = FaultyRelay(scripts=["deaf"])
    deaf.start()
    timeouts = replace(QUICK, body_s=0.5)
    relays = [relay_at(deaf.port, timeouts=timeouts), relay_at(second.port, name="secondary", timeouts=timeouts)]
    try:
        async with sending(engine, 0, relays=relays):
            rows = await settled(engine, eventually, "sent", number=READERS)
    finally:
        deaf.stop()
    assert {(row.given_to, row.unanswered) for row in rows} == {("secondary", 0)}
    assert is_away(engine)


async def test_several_silences_after_the_dot_pause_it_and_leave_the_rest_to_the_second(
    engine: Engine, relay: FaultyRelay, second: FaultyRelay, eventually: Eventually
) -> None:
    relay.scripts = ["drop_after_dot"]
    relays = [relay_at(relay.port), relay_at(second.port, name="secondary")]
    know(engine)
    for _ in range(3):
        record(engine, placed())
    async with sending(engine, 0, relays=relays):
        await settled(engine, eventually, "deferred", number=3)
        await asyncio.to_thread(eventually, lambda: is_away(engine))
        record(engine, placed())
        rows = await settled(engine, eventually, "sent")
    assert [row.given_to for row in rows if row.state == "sent"] == ["secondary"]
    assert len(second.taken) == 1


def held_for_s(engine: Engine, *doubts: bool) -> float:
    """Return how long a relay is held after these faults in a row, each after the pause of the one before."""
    with engine.begin() as connection:
        for in_doubt in doubts:
            connection.execute(text("UPDATE relays SET paused_until = now()"))
            pause.pause(connection, pause.PRIMARY, "x", random.Random(1), in_doubt=in_doubt)
        return pause.current(connection)[pause.PRIMARY].left_s


def test_long_doubts_make_no_long_pause_of_the_first_plain_fault(engine: Engine) -> None:
    assert held_for_s(engine, *[True] * 30) <= pause.LONGEST_IN_DOUBT_S * (1 + pause.JITTER)
    assert held_for_s(engine, False) <= pause.FIRST_PAUSE_S * 2**pause.MOST_FAULTS_IN_DOUBT * (1 + pause.JITTER)
    assert held_for_s(engine, *[False] * 10) >= pause.LONGEST_PAUSE_S * (1 - pause.JITTER) - 1


@pytest.mark.parametrize("after_dot", [True, False])
def test_a_relay_that_may_have_taken_them_is_tried_as_seldom_as_any(*, after_dot: bool) -> None:
    ways, lost = routes.Routes([], Bounds(), lambda *_: None), ConversationLost("gone", after_dot=after_dot)
    *before, fault = [ways.fault_in("primary", lost, domain="x.example", mail=n) for n in range(routes.SUSPECT_AFTER)]
    assert before == [None] * (routes.SUSPECT_AFTER - 1)
    assert fault is not None
    assert fault.in_doubt is not after_dot


async def test_what_it_said_of_a_mail_is_kept_where_its_pause_cannot_be_written(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    monkeypatch.setattr(routes, "SUSPECT_AFTER", 1)
    monkeypatch.setattr(pause, "pause", away)
    know(engine)
    record(engine, placed())
    relay.scripts = ["spent"]

    def is_settled() -> bool:
        rows = messages(engine)
        return [(row.state, row.attempts, row.unanswered) for row in rows] == [("queued", 0, 0)] and bool(
            rows[0].reason
        )

    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, is_settled)


async def test_earlier_tries_that_ended_otherwise_are_no_doubts(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    """As after half an hour of greylisting: the first "relay access denied" is not the third."""
    know(engine)
    record(engine, placed())
    relay.scripts = ["rcpt_450", "rcpt_450", "rcpt_450", "denied", "denied", "accept"]
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 6


async def test_what_a_person_has_sent_again_starts_without_doubts(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    know(engine)
    record(engine, placed())
    relay.scripts = [*["denied"] * MAX_DOUBTFUL, "denied", "accept"]
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "failed")
        with engine.begin() as connection:
            assert resend(connection, row.id, person_id="person-9")
        (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 2


async def test_one_mail_that_it_does_not_like_is_given_up_and_stops_no_other(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None
) -> None:
    know(engine)
    relay.scripts = ["denied"]
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "failed")
        assert row.attempts == MAX_DOUBTFUL
        assert not is_away(engine)
        relay.scripts = ["accept"]
        record(engine, placed())
        await settled(engine, eventually, "sent")

"""What a reader decided is kept: kinds turned off, the hours of the night."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from faulty_relay import FaultyRelay
from notify.kinds import kinds
from notify.kinds.kind import Group
from notify.queueing import intents
from notify.queueing.policy import State
from notify.recipients import admission, preferences
from notify.recipients.admission import HeldBack, Later
from notify.recipients.quiet_hours import QuietHours
from notify.recipients.return_path import ReturnPath
from notify.sending.sender import Sender
from outgoing import Eventually, events, know, messages, placed, record, sending, settled
from sqlalchemy import Engine, text
from world import HUB, LINKS, post, sample

# Order confirmations stand in for a kind that one may turn off and that can wait.
KIND = "order_confirmation"
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds(), KIND, replace(kinds()[KIND], group=Group.REMINDERS, can_wait=True))


def now_quiet(hours: float = 1, past_s: float = 600) -> QuietHours:
    """Hours in UTC that began a while ago and end after so many hours."""
    now = datetime.now(UTC)
    starts, ends = now - timedelta(seconds=past_s), now + timedelta(hours=hours)
    return QuietHours(time(starts.hour, starts.minute), time(ends.hour, ends.minute))


def queue(engine: Engine, *, time_zone: str = "UTC", expires_in: timedelta = timedelta(hours=48)) -> int:
    """One message to person-1."""
    know(engine, time_zone=time_zone)
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO intents (key, kind, event_id, data, state, expires_at)
            VALUES ('i', 'order_confirmation', 'e', '{}', 'expanded', now())
        """)
        )
        made = connection.scalar(
            text("""
                INSERT INTO messages (intent_id, dedup_key, message_id, kind, person_id, expires_at)
                SELECT id, 'd', '<d@x>', 'order_confirmation', 'person-1', now() + :later FROM intents RETURNING id
            """),
            {"later": expires_in},
        )
    assert isinstance(made, int)
    return made


def verdict(engine: Engine, message: int, quiet: QuietHours | None) -> HeldBack | Later | None:
    with engine.connect() as connection:
        return admission.judge(connection, {message: {}}, quiet=quiet, zone=HUB.time_zone).get(message)


async def test_what_its_reader_turned_off_is_not_sent_and_the_world_is_told(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, optional: None
) -> None:
    know(engine)
    with engine.begin() as connection:
        preferences.want(connection, "person-1", {KIND: False}, "one_click")
    record(engine, placed())
    async with sending(engine, relay.port):
        (row,) = await settled(engine, eventually, "suppressed")
    assert (row.reason, row.attempts, row.settled_at is None) == ("turned off by its reader", 0, False)
    assert relay.taken == []
    ((name, body),) = events(engine)
    assert name == "notify.email.suppressed.v1"
    assert body["reason"] == "turned off by its reader"
    assert "tienda" not in str(body)


async def test_a_wish_of_another_time_stops_nothing_that_always_comes(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    """Had the kind been optional once, its row would still stand there."""
    know(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO preferences VALUES ('person-1', :kind, false, 'page')"), {"kind": KIND})
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")


async def test_a_mail_that_may_be_turned_off_says_how(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, optional: None
) -> None:
    know(engine, time_zone="UTC")
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
    (raw,) = (one.raw for one in relay.taken)
    mail = message_from_bytes(raw, policy=default)
    path = LINKS.public_url + LINKS.unsubscribe_path("person-1", KIND)
    # On one line, whatever its length: a folded or encoded address is one that no mail program finds.
    assert f"\r\nList-Unsubscribe: <{path}>\r\n".encode() in raw
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    words = {part.get_content_type(): part.get_content() for part in mail.iter_parts()}  # type: ignore[attr-defined]
    for part in ("text/plain", "text/html"):
        assert path in words[part]
        assert LINKS.preferences_path("person-1") in words[part]


async def test_a_mail_that_always_comes_offers_only_the_choice_of_others(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
    (raw,) = (one.raw for one in relay.taken)
    assert b"List-Unsubscribe" not in raw
    assert b"/mail/unsubscribe/" not in raw
    assert b"/mail/preferences/" in raw


async def test_what_can_wait_waits_through_the_night_and_counts_no_attempt(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, optional: None
) -> None:
    know(engine, time_zone="UTC")
    with engine.begin() as connection:
        preferences.keep_quiet(connection, "person-1", now_quiet())
    record(engine, placed())
    async with sending(engine, relay.port):
        held = await _held(engine, eventually)
        assert (held.state, held.attempts, relay.taken) == (State.QUEUED, 0, [])
        assert "quiet hours" in held.reason
        assert timedelta(minutes=55) < held.due_at - datetime.now(UTC) <= timedelta(hours=1)
        assert events(engine) == []
        # Its reader changes the mind at night: then it comes at once.
        with engine.begin() as connection:
            preferences.keep_quiet(connection, "person-1", None)
        await settled(engine, eventually, "sent")


async def _held(engine: Engine, eventually: Eventually) -> Any:
    def found() -> Any:
        rows = messages(engine)
        return rows[0] if rows and rows[0].reason else None

    return await asyncio.to_thread(eventually, found)


async def test_one_message_that_cannot_be_judged_stops_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, optional: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ValueError("min() arg is an empty sequence")

    monkeypatch.setattr(QuietHours, "end_after", stumble)
    know(engine)
    know(engine, person_id="person-2", email="sam@tienda.example")
    with engine.begin() as connection:
        preferences.keep_quiet(connection, "person-1", now_quiet())
    record(engine, placed())
    async with sending(engine, relay.port):
        rows = await settled(engine, eventually, "sent")
        waiting = await _held(engine, eventually)
    assert [taken.recipient for taken in relay.taken] == ["sam@tienda.example"], rows
    assert (waiting.state, waiting.attempts, waiting.reason) == (State.QUEUED, 0, admission.NOT_JUDGED)


async def test_an_intent_whose_people_cannot_be_found_stops_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ValueError

    monkeypatch.setitem(kinds(), "comment", replace(kinds()["comment"], recipients=stumble))
    know(engine)
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO intents (key, kind, event_id, data, expires_at)
            VALUES ('c', 'comment', 'e', :data, now() + interval '1 day')
            """),
            {"data": json.dumps(sample("comment"))},
        )
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")


async def test_who_has_moved_to_another_store_gets_no_more_of_the_one_before(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    know(engine, person_id="person-2", email="sam@tienda.example", store_ids=["store-2", "store-1"])
    record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain="mail.mercadito.example")
    know(engine, store_ids=["store-2"], version=2)
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
        rows = await settled(engine, eventually, "suppressed")
    assert [taken.recipient for taken in relay.taken] == ["sam@tienda.example"]
    assert {row.reason for row in rows} == {None, admission.HAS_MOVED}


def test_the_hubs_night_is_everyones_who_chose_none(engine: Engine, optional: None) -> None:
    message = queue(engine)
    assert isinstance(verdict(engine, message, now_quiet()), Later)
    assert verdict(engine, message, None) is None
    with engine.begin() as connection:
        preferences.keep_quiet(connection, "person-1", None)
    assert verdict(engine, message, now_quiet()) is None


def test_the_clock_is_the_readers(engine: Engine, optional: None) -> None:
    assert verdict(engine, queue(engine, time_zone="Asia/Tokyo"), now_quiet()) is None


def test_what_would_come_too_late_goes_at_night(engine: Engine, optional: None) -> None:
    message = queue(engine, expires_in=timedelta(minutes=30))
    assert verdict(engine, message, now_quiet(hours=1)) is None


def test_what_cannot_wait_does_not(engine: Engine) -> None:
    assert verdict(engine, queue(engine), now_quiet()) is None


def test_the_second_try_of_what_may_have_arrived_is_no_longer_asked_about(engine: Engine, optional: None) -> None:
    message = queue(engine)
    with engine.begin() as connection:
        preferences.want(connection, "person-1", {KIND: False}, "page")
        connection.execute(text("UPDATE messages SET unanswered = 1"))
    assert verdict(engine, message, now_quiet()) is None


def test_a_kind_of_another_version_is_left_to_whoever_writes_it(engine: Engine) -> None:
    message = queue(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET kind = 'of_tomorrow'"))
    assert verdict(engine, message, now_quiet()) is None


async def test_an_address_that_the_relay_does_not_know_gets_no_more_of_that_class(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    relay.scripts = ["rcpt_550", "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port):
        await settled(engine, eventually, "failed")
        record(engine, placed())
        await settled(engine, eventually, "failed", "suppressed", number=2)
    assert relay.taken == []
    assert [name for name, _ in events(engine)] == ["notify.email.failed.v1", "notify.email.suppressed.v1"]
    with engine.connect() as connection:
        held = connection.execute(text("SELECT email, class, cause FROM suppressions")).one()
    assert tuple(held) == ("rosa@tienda.example", "orders", "refused")


async def test_a_mail_leaves_with_an_address_of_its_own_to_come_back_to(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    relay.scripts = ["drop_before_greeting", "dot_451", "accept"]
    path = ReturnPath.parse("bounces@mail.mercadito.example", LINKS.signer)
    know(engine)
    record(engine, placed())
    stop = asyncio.Event()
    running = asyncio.create_task(Sender(engine, replace(post(relay.port), return_path=path), lease_s=2).run(stop))
    await settled(engine, eventually, "deferred")
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET due_at = now()"))
    (row,) = await settled(engine, eventually, "sent")
    stop.set()
    await running
    assert {taken.sender for taken in relay.taken} == {path.of(row.id, row.message_id)}
    assert b"From: Mercadito <orders@mercadito.example>" in relay.taken[0].raw

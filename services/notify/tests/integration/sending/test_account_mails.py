"""Invitations and passwords: mailed once to their person, never late, and the link stands nowhere but in the mail."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.envelope import Event, new_event
from notify.api import delivery_log
from notify.api.delivery_log import Filter
from notify.kinds import kinds
from notify.queueing import intents, policy
from notify.queueing import messages as messages_
from notify.queueing.intents import handlers
from outgoing import events, know, messages, sending, settled
from sqlalchemy import Engine, text
from world import DOMAIN

SECRET = "XbP7rC2nQkT0vW9yLm4sJd8eHf6gZa1uRi3oKp5tNqE"
SUBJECTS = {"invitation": "accounts.invitation.issued.v1", "password_reset": "accounts.password_reset.requested.v1"}
Eventually = Callable[..., Any]


def link_of(kind: str, *, ends_in: timedelta = timedelta(hours=1), secret: str = SECRET) -> Event:
    page = {"invitation": "welcome", "password_reset": "reset"}[kind]
    data = {
        "person_id": "person-1",
        "link": f"https://mercadito.example/{page}/{secret}",
        "expires_at": (datetime.now(UTC) + ends_in).isoformat(),
    }
    return new_event(SUBJECTS[kind], data, source="/mercadito/orders")


def handle(engine: Engine, event: Event) -> None:
    with engine.begin() as connection:
        handlers("ACCOUNTS")[event.type](connection, event)


def rows(engine: Engine, statement: str) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(text(statement)))


def keep_house(engine: Engine) -> None:
    with engine.begin() as connection:
        intents.forget_links(connection)


WORDS = {"en": "works once", "es": "una sola vez"}


@pytest.mark.parametrize(("kind", "locale"), [(kind, locale) for kind in sorted(SUBJECTS) for locale in WORDS])
async def test_a_link_is_mailed_to_its_person_and_stands_nowhere_else(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, kind: str, locale: str
) -> None:
    know(engine, locale=locale)
    handle(engine, link_of(kind))
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
    (taken,) = relay.taken
    assert taken.recipient == "rosa@tienda.example"
    mail = message_from_bytes(taken.raw, policy=default)
    for part in ("plain", "html"):
        body = mail.get_body((part,))
        assert body is not None
        assert SECRET in body.get_content()
        assert WORDS[locale] in body.get_content()
    assert SECRET not in str(mail["Subject"]) + str(mail["Message-ID"])
    assert SECRET not in json.dumps(events(engine))
    with engine.connect() as connection:
        log = delivery_log.read(connection, Filter(), before=2**62, limit=10)
    assert [each.kind for each in log] == [kind]
    assert SECRET not in str(log)
    keep_house(engine)
    for table in ("intents", "messages", "inbox", "outbox"):
        assert SECRET not in str(rows(engine, f"SELECT to_jsonb({table}) FROM {table}")), table


def test_a_link_that_still_has_to_be_mailed_is_kept(engine: Engine) -> None:
    handle(engine, link_of("invitation"))
    keep_house(engine)
    assert SECRET in str(rows(engine, "SELECT data FROM intents"))
    know(engine)
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 1
    keep_house(engine)
    assert SECRET in str(rows(engine, "SELECT data FROM intents"))


def test_a_link_that_has_ended_is_not_even_written_down(engine: Engine) -> None:
    know(engine)
    handle(engine, link_of("password_reset", ends_in=timedelta(seconds=-1)))
    assert rows(engine, "SELECT id FROM intents") == []


def test_a_link_that_ends_while_it_waits_is_neither_mailed_nor_kept(engine: Engine) -> None:
    handle(engine, link_of("password_reset"))
    (row,) = rows(engine, "SELECT expires_at - now() < interval '61 minutes' AS soon FROM intents")
    assert row.soon
    rows(engine, "UPDATE intents SET expires_at = now(), look_at = now() RETURNING id")
    know(engine)
    with engine.begin() as connection:
        expanded = intents.expand(connection, domain=DOMAIN)
    assert (expanded.queued, expanded.expired) == (0, 1)
    keep_house(engine)
    assert SECRET not in str(rows(engine, "SELECT data FROM intents"))


def test_a_link_waits_for_its_person_and_goes_out_as_soon_as_the_contact_comes(engine: Engine) -> None:
    handle(engine, link_of("invitation"))
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 0
    know(engine, store_ids=[])
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 1


def test_nobody_who_was_deactivated_gets_a_link(engine: Engine) -> None:
    know(engine, active=False)
    handle(engine, link_of("invitation"))
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 0


def test_a_second_link_is_a_second_mail_and_the_same_event_again_is_none(engine: Engine) -> None:
    know(engine)
    first = link_of("invitation")
    for event in (first, first, link_of("invitation", ends_in=timedelta(hours=2), secret="other")):
        handle(engine, event)
    with engine.begin() as connection:
        intents.expand(connection, domain=DOMAIN)
    assert len(messages(engine)) == 2


async def test_whose_password_was_changed_hears_of_it(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine, locale="en")
    changed_at = datetime.now(UTC).isoformat()
    data = {"person_id": "person-1", "at": changed_at}
    handle(engine, new_event("accounts.password.changed.v1", data, source="/mercadito/orders"))
    async with sending(engine, relay.port):
        await settled(engine, eventually, "sent")
    mail = message_from_bytes(relay.taken[0].raw, policy=default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "If it was not you" in body.get_content()
    assert "https://mercadito.example/forgot" in body.get_content()


def test_links_and_orders_are_read_from_their_own_streams() -> None:
    assert set(handlers("ACCOUNTS")) == {*SUBJECTS.values(), "accounts.password.changed.v1"}
    assert set(handlers("USDA")) == {"usda.crawl.failed.v1"}
    assert {event for stream in ("ORDERS", "ACCOUNTS", "USDA") for event in handlers(stream)} == set(handlers())
    assert {kind.event_type for kind in kinds().values()} - {None} == set(handlers())


@pytest.mark.parametrize("end", ["silence", "expiry"])
async def test_a_link_stands_nowhere_once_nobody_knows_what_became_of_its_mail(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(policy, "BACK_OFF_S", (0.05 if end == "silence" else 60,))
    relay.scripts = ["drop_after_dot"]
    know(engine)
    handle(engine, link_of("invitation"))
    async with sending(engine, relay.port):
        await settled(engine, eventually, "deferred", "unknown")
        if end == "expiry":
            await settled(engine, eventually, "deferred")
            assert SECRET.encode() in bytes(messages(engine)[0].raw), "the second try needs the same bytes"
            with engine.begin() as connection:
                connection.execute(text("UPDATE messages SET expires_at = now()"))
                messages_.expire(connection)
        (row,) = await settled(engine, eventually, "unknown")
    keep_house(engine)
    kept = rows(engine, "SELECT m.*, i.*, a.* FROM messages AS m JOIN intents AS i ON true JOIN attempts AS a ON true")
    told = [bytes(value) if isinstance(value, memoryview) else value for one in kept for value in one]
    assert SECRET not in str(told)
    assert row.raw is None

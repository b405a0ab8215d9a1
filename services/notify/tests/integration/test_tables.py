import itertools
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from jsonschema import Draft202012Validator, FormatChecker
from mercadito_events.envelope import new_event
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls
from notify import intents, messages, pause, revocations
from notify.contacts import change_contact, people_of_store
from notify.errors import LeaseLost
from notify.kinds import kinds
from notify.messages import Claimed, Lease
from notify.policy import Outcome, State
from notify.tables import metadata
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from world import DOMAIN, MIGRATIONS, REPOSITORY, contact, order

MINE, YOURS = (Lease(str(uuid.uuid4()), timedelta(seconds=10)) for _ in range(2))
SOURCE = "/mercadito/orders"


@pytest.fixture
def connection(engine: Engine) -> Any:
    with engine.begin() as opened:
        yield opened


def know(connection: Connection, **changes: Any) -> None:
    change_contact(connection, new_event("accounts.contact.changed.v1", contact(**changes), source=SOURCE))


def queue_one(connection: Connection) -> None:
    know(connection)
    event = new_event("orders.order.placed.v1", order(), source=SOURCE)
    intents.record(connection, event, kind=kinds()["order_confirmation"])
    intents.expand(connection, domain=DOMAIN)


def only(claimed: list[Claimed]) -> Claimed:
    (message,) = claimed
    return message


def test_the_migrations_make_what_the_code_describes(database: Callable[[], DatabaseUrls]) -> None:
    urls = database()
    upgrade(urls.owner_url, MIGRATIONS)
    upgrade(urls.owner_url, MIGRATIONS)
    owner = create_engine(make_url(urls.owner_url).set(drivername="postgresql+psycopg2"))
    with owner.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    owner.dispose()


def test_the_service_may_not_change_its_own_tables(connection: Connection) -> None:
    with pytest.raises(ProgrammingError, match="must be owner"):
        connection.execute(text("DROP TABLE messages"))


def test_the_newest_version_of_a_contact_wins_whatever_comes_last(connection: Connection) -> None:
    know(connection, version=2, email="new@tienda.example")
    know(connection, version=1, email="old@tienda.example")
    know(connection, version=2, email="same-version@tienda.example")
    assert [person.email for person in people_of_store(connection, "store-1")] == ["new@tienda.example"]
    know(connection, version=3, store_ids=[])
    assert people_of_store(connection, "store-1") == []


def test_a_claimed_message_is_nobody_elses_until_its_lease_ends(connection: Connection) -> None:
    queue_one(connection)
    message = only(messages.claim(connection, MINE, 5))
    assert messages.claim(connection, YOURS, 5) == []
    connection.execute(text("UPDATE messages SET lease_until = now()"))
    again = only(messages.claim(connection, YOURS, 5))
    assert (again.id, again.attempts, again.unanswered) == (message.id, 2, 0)


def test_who_lost_the_lease_may_neither_write_the_dot_nor_the_outcome(connection: Connection) -> None:
    queue_one(connection)
    message = only(messages.claim(connection, MINE, 1))
    connection.execute(text("UPDATE messages SET lease_until = now()"))
    with pytest.raises(LeaseLost):
        messages.mark_dot(connection, MINE, message, b"bytes")
    only(messages.claim(connection, YOURS, 1))
    with pytest.raises(LeaseLost):
        messages.settle(connection, MINE, message, Outcome(State.SENT))


def test_a_dot_without_an_answer_is_remembered_with_its_bytes(connection: Connection) -> None:
    queue_one(connection)
    message = only(messages.claim(connection, MINE, 1))
    messages.mark_dot(connection, MINE, message, b"the bytes")
    connection.execute(text("UPDATE messages SET lease_until = now()"))
    again = only(messages.claim(connection, YOURS, 1))
    assert (again.unanswered, again.raw) == (1, b"the bytes")


def test_a_message_returned_to_the_queue_has_lost_no_attempt(connection: Connection) -> None:
    queue_one(connection)
    message = only(messages.claim(connection, MINE, 1))
    messages.settle(connection, MINE, message, Outcome(State.QUEUED, "no route", attempt_counts=False))
    assert only(messages.claim(connection, YOURS, 1)).attempts == 1
    assert connection.scalar(text("SELECT count(*) FROM outbox")) == 0


def test_a_late_message_that_may_have_arrived_is_not_called_expired(connection: Connection) -> None:
    queue_one(connection)
    connection.execute(text("UPDATE messages SET expires_at = now(), unanswered = 1"))
    assert messages.expire(connection) == ["unknown"]


@pytest.mark.parametrize(
    ("outcome", "subject"),
    [
        (Outcome(State.SENT), "notify.email.sent.v1"),
        (Outcome(State.DEFERRED, "451 later"), "notify.email.deferred.v1"),
        (Outcome(State.FAILED, "550 never" + "x" * 3_000), "notify.email.failed.v1"),
        (Outcome(State.UNKNOWN, "twice", unanswered=2), "notify.email.failed.v1"),
        (Outcome(State.EXPIRED, "late"), "notify.email.failed.v1"),
    ],
)
def test_what_is_told_keeps_the_published_schema(connection: Connection, outcome: Outcome, subject: str) -> None:
    queue_one(connection)
    messages.settle(connection, MINE, only(messages.claim(connection, MINE, 1)), outcome)
    row = connection.execute(text("SELECT type, body FROM outbox")).one()
    assert row.type == subject
    schema = json.loads((REPOSITORY / "events" / "schemas" / f"{subject}.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(bytes(row.body)))


def test_an_intent_that_this_version_cannot_read_does_not_hold_up_the_others(connection: Connection) -> None:
    queue_one(connection)
    for change in ("kind = 'of_a_later_version'", "data = '{}'"):
        event = new_event("orders.order.placed.v1", order(), source=SOURCE)
        intents.record(connection, event, kind=kinds()["order_confirmation"])
        connection.execute(text(f"UPDATE intents SET {change} WHERE state = 'waiting' AND data->>'order_id' = :id"),
                           {"id": event.data["order_id"]})  # fmt: skip
    event = new_event("orders.order.placed.v1", order(), source=SOURCE)
    intents.record(connection, event, kind=kinds()["order_confirmation"])
    assert intents.expand(connection, domain=DOMAIN).queued == 1


def test_an_order_from_long_ago_in_a_replayed_stream_is_not_mailed(connection: Connection) -> None:
    know(connection)
    event = new_event("orders.order.placed.v1", order(), source=SOURCE)
    old = replace(event, time=datetime.now(UTC) - timedelta(days=3))
    intents.record(connection, old, kind=kinds()["order_confirmation"])
    expanded = intents.expand(connection, domain=DOMAIN)
    assert (expanded.expired, expanded.queued) == (1, 0)


def test_what_is_older_than_the_log_reaches_is_forgotten(connection: Connection) -> None:
    queue_one(connection)
    queue_one(connection)
    connection.execute(text("UPDATE intents SET created_at = now() - interval '401 days' WHERE id = 1"))
    intents.forget_old(connection)
    assert connection.scalar(text("SELECT count(*) FROM messages")) == 1


def test_a_sign_out_is_forgotten_when_no_token_can_be_refused_by_it(connection: Connection) -> None:
    for hours in (-1, 1):
        until = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        data = {"person_id": "p", "until": until}
        revocations.sign_out(connection, new_event("orders.person.signed_out.v1", data, source=SOURCE))
    revocations.forget_expired(connection)
    assert connection.scalar(text("SELECT count(*) FROM revocations")) == 1


def test_pauses_grow_to_a_bound(engine: Engine) -> None:
    lengths = []
    for _ in range(12):
        with engine.begin() as connection:
            assert pause.pause(connection, "away", random.Random(1)) is not None
            assert pause.pause(connection, "away", random.Random(1)) is None
        with engine.begin() as connection:
            lengths.append(pause.current(connection).left_s)
            connection.execute(text("UPDATE relays SET paused_until = now() - interval '1 second'"))
    assert all(later > 0.99 * earlier for earlier, later in itertools.pairwise(lengths))
    assert lengths[0] < 3
    assert 200 < lengths[-1] <= 360
    with engine.begin() as connection:
        assert pause.resume(connection)
        assert not pause.resume(connection)

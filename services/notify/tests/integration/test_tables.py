import itertools
import json
import random
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from jsonschema import Draft202012Validator, FormatChecker
from mercadito_events.envelope import new_event
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls
from notify import revocations
from notify.kinds import kinds
from notify.queueing import intents, messages, pause
from notify.queueing.messages import Claimed, Dotted, Lease, Settlement, Terms
from notify.queueing.policy import Outcome, State
from notify.recipients.contacts import change_contact, people_of_store, people_of_stores
from notify.tables import metadata
from prometheus_client import REGISTRY
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from world import DOMAIN, MIGRATIONS, REPOSITORY, contact, order

MINE, YOURS = (Lease(str(uuid.uuid4()), timedelta(seconds=10)) for _ in range(2))
SOURCE = "/mercadito/orders"
# What no mail of ours holds, too; never a NUL.
BYTES = bytes(range(1, 256)) + b"\r\n\\x27 'quoted' \\'\r\n"


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


def claim(connection: Connection, lease: Lease, limit: int = 5, **terms: Any) -> list[Claimed]:
    return messages.claim(connection, lease, Terms(limit, **terms))


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


def test_the_bytes_of_mails_that_had_ended_before_are_gone(
    database: Callable[[], DatabaseUrls], tmp_path: Path
) -> None:
    urls, before = database(), tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, before)
    for step in (before / "versions").glob("*.py"):
        if step.name >= "0013":
            step.unlink()
    upgrade(urls.owner_url, before)
    owner = create_engine(make_url(urls.owner_url).set(drivername="postgresql+psycopg2"))
    with owner.begin() as connection:
        queue_one(connection)
        connection.execute(text("UPDATE messages SET raw = 'a link', state = 'unknown'"))
        queue_one(connection)
        connection.execute(text("UPDATE messages SET raw = 'again', state = 'deferred' WHERE state = 'queued'"))
    upgrade(urls.owner_url, MIGRATIONS)
    with owner.begin() as connection:
        rows = connection.execute(text("SELECT state, raw FROM messages ORDER BY id")).all()
    owner.dispose()
    assert [(row.state, row.raw and bytes(row.raw)) for row in rows] == [("unknown", None), ("deferred", b"again")]


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


def test_the_people_of_several_stores_are_found_at_once(connection: Connection) -> None:
    know(connection, person_id="p1", store_ids=["store-1", "store-2"])
    know(connection, person_id="p2", store_ids=["store-2"])
    know(connection, person_id="p3", store_ids=["store-3"])
    know(connection, person_id="p4", store_ids=["store-1"], active=False)
    found = people_of_stores(connection, {"store-1", "store-2", "store-4"})
    ids = {store_id: [person.person_id for person in people] for store_id, people in found.items()}
    assert ids == {"store-1": ["p1"], "store-2": ["p1", "p2"], "store-4": []}
    assert found["store-2"] == people_of_store(connection, "store-2")
    assert people_of_stores(connection, ()) == {}


def test_each_store_of_a_batch_is_written_to_about_its_own(connection: Connection) -> None:
    for number in (1, 2):
        know(connection, person_id=f"p{number}", store_ids=[f"store-{number}"])
        placed = order(order_id=f"order-{number}", store_id=f"store-{number}")
        event = new_event("orders.order.placed.v1", placed, source=SOURCE)
        intents.record(connection, event, kind=kinds()["order_confirmation"])
    assert intents.expand(connection, domain=DOMAIN).queued == 2
    rows = connection.execute(text("SELECT order_id, person_id FROM messages ORDER BY order_id")).all()
    assert [tuple(row) for row in rows] == [("order-1", "p1"), ("order-2", "p2")]


def test_a_claimed_message_is_nobody_elses_until_its_lease_ends(connection: Connection) -> None:
    queue_one(connection)
    message = only(claim(connection, MINE))
    assert claim(connection, YOURS) == []
    connection.execute(text("UPDATE messages SET lease_until = now()"))
    again = only(claim(connection, YOURS))
    assert (again.id, again.attempts, again.unanswered) == (message.id, 2, 0)


def test_a_kind_of_a_newer_version_is_left_to_it_and_holds_up_nobody(connection: Connection) -> None:
    queue_one(connection)
    connection.execute(text("UPDATE messages SET kind = 'of_the_future', priority = 0"))
    queue_one(connection)
    assert only(claim(connection, MINE, 1)).kind == "order_confirmation"
    assert claim(connection, YOURS) == []
    assert connection.scalar(text("SELECT state FROM messages WHERE kind = 'of_the_future'")) == "queued"


def test_who_lost_the_lease_may_neither_write_the_dot_nor_the_outcome(connection: Connection) -> None:
    queue_one(connection)
    message = only(claim(connection, MINE))
    connection.execute(text("UPDATE messages SET lease_until = now()"))
    assert not messages.mark_dots(connection, MINE, [Dotted(message, b"bytes", "primary")])
    only(claim(connection, YOURS))
    assert not messages.settle(connection, MINE, [Settlement(message, Outcome(State.SENT))])
    assert connection.scalar(text("SELECT count(*) FROM outbox")) == 0


def test_a_dot_without_an_answer_is_remembered_with_its_bytes(connection: Connection) -> None:
    queue_one(connection)
    message = only(claim(connection, MINE))
    assert messages.mark_dots(connection, MINE, [Dotted(message, BYTES, "primary")]) == {message.id}
    connection.execute(text("UPDATE messages SET lease_until = now()"))
    again = only(claim(connection, YOURS))
    assert (again.unanswered, again.raw) == (1, BYTES)


def test_a_message_returned_to_the_queue_has_lost_no_attempt(connection: Connection) -> None:
    queue_one(connection)
    message = only(claim(connection, MINE))
    returned = Outcome(State.QUEUED, "no route", attempt_counts=False)
    assert messages.settle(connection, MINE, [Settlement(message, returned)]) == {message.id}
    assert only(claim(connection, YOURS)).attempts == 1
    assert connection.scalar(text("SELECT count(*) FROM outbox")) == 0


def test_a_late_message_that_may_have_arrived_is_not_called_expired(connection: Connection) -> None:
    queue_one(connection)
    connection.execute(text("UPDATE messages SET expires_at = now(), unanswered = 1"))
    assert messages.expire(connection) == [("order_confirmation", "unknown")]


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
    messages.settle(connection, MINE, [Settlement(only(claim(connection, MINE)), outcome)])
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
    late = {"kind": "order_confirmation", "state": "expired"}
    before = REGISTRY.get_sample_value("notify_outcomes_total", late) or 0.0
    intents.record(connection, old, kind=kinds()["order_confirmation"])
    expanded = intents.expand(connection, domain=DOMAIN)
    assert (expanded.expired, expanded.queued) == (0, 0)
    assert connection.scalar(text("SELECT count(*) FROM intents")) == 0
    # Who was away for two days hears of it: MailGivenUp.
    assert REGISTRY.get_sample_value("notify_outcomes_total", late) == before + 1


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
            assert pause.pause(connection, pause.PRIMARY, "away", random.Random(1)) is not None
            assert pause.pause(connection, pause.PRIMARY, "away", random.Random(1)) is None
        with engine.begin() as connection:
            lengths.append(pause.current(connection)[pause.PRIMARY].left_s)
            connection.execute(text("UPDATE relays SET paused_until = now() - interval '1 second'"))
    assert all(later > 0.99 * earlier for earlier, later in itertools.pairwise(lengths))
    assert lengths[0] < 3
    assert 200 < lengths[-1] <= 360
    with engine.begin() as connection:
        assert pause.resume(connection, pause.PRIMARY)
        assert not pause.resume(connection, pause.PRIMARY)

"""What Prometheus is told of what stands in the database."""

from collections.abc import Callable
from typing import Any

import pytest
from mercadito_events.envelope import new_event
from notify import figures
from notify.kinds import kinds
from notify.queueing import dead_letters, intents
from notify.sending import sender
from outgoing import know, placed, record
from prometheus_client import REGISTRY
from sqlalchemy import Engine, text
from world import DOMAIN

Measured = Callable[..., float | None]


@pytest.fixture
def measured(engine: Engine) -> Measured:
    """Return a figure as it is now; None: there is no such series."""

    def measure(name: str, **labels: str) -> float | None:
        with engine.begin() as connection:
            figures.measure(connection)
        return REGISTRY.get_sample_value(name, labels)

    return measure


@pytest.fixture
def two(engine: Engine) -> None:
    """Two confirmations wait: one is due since a minute, the other in an hour."""
    know(engine)
    for _ in range(2):
        record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain=DOMAIN)
        when = (
            "CASE id WHEN (SELECT min(id) FROM messages) THEN now() - interval '1 min' ELSE now() + interval '1 h' END"
        )
        connection.execute(text(f"UPDATE messages SET due_at = {when}"))


def change(engine: Engine, sql: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), values)


@pytest.mark.parametrize(("mode", "held"), [("send", 0), ("hold", 1)])
def test_a_mode_that_holds_is_told_as_the_switch_is(engine: Engine, mode: str, held: int) -> None:
    with engine.begin() as connection:
        sender._keep_house(connection, mode)
    assert REGISTRY.get_sample_value("notify_queue_held") == held


@pytest.mark.usefixtures("two")
def test_the_oldest_due_mail_is_told_by_kind(measured: Measured) -> None:
    assert 59 < (measured("notify_oldest_due_seconds", kind="order_confirmation") or 0) < 120
    for kind in {*kinds(), figures.OTHER} - {"order_confirmation"}:
        assert measured("notify_oldest_due_seconds", kind=kind) == 0


@pytest.mark.usefixtures("two")
def test_what_waits_is_told_by_state_and_kind_and_no_longer_when_it_is_gone(engine: Engine, measured: Measured) -> None:
    change(engine, "UPDATE messages SET state = 'deferred' WHERE id = (SELECT min(id) FROM messages)")
    for state in ("queued", "deferred"):
        assert measured("notify_messages", state=state, kind="order_confirmation") == 1
    change(engine, "UPDATE messages SET state = 'sent'")
    assert measured("notify_messages", state="queued", kind="order_confirmation") is None
    assert measured("notify_oldest_due_seconds", kind="order_confirmation") == 0


@pytest.mark.usefixtures("two")
def test_kinds_of_another_version_are_one(engine: Engine, measured: Measured) -> None:
    change(engine, "UPDATE messages SET kind = 'of_tomorrow_' || id")
    assert measured("notify_messages", state="queued", kind="other") == 2
    assert 59 < (measured("notify_oldest_due_seconds", kind="other") or 0) < 120


@pytest.mark.usefixtures("two")
def test_what_waited_too_long_counts_among_the_outcomes(engine: Engine) -> None:
    def count() -> float:
        labels = {"kind": "order_confirmation", "state": "expired"}
        return REGISTRY.get_sample_value("notify_outcomes_total", labels) or 0

    before = count()
    change(engine, "UPDATE messages SET expires_at = now()")
    with engine.begin() as connection:
        sender._keep_house(connection, "send")
    assert count() == before + 2


def test_dead_letters_and_a_held_queue_are_told(engine: Engine, measured: Measured) -> None:
    assert (measured("notify_dead_letters"), measured("notify_queue_held")) == (0, 0)
    event = new_event("orders.order.placed.v1", {}, source="/mercadito/orders")
    letter = dead_letters.DeadLetter("notify__orders", "ORDERS", 1, event.type, event.headers(), event.body(), "no")
    with engine.begin() as connection:
        dead_letters.keep(connection, letter)
    change(engine, "INSERT INTO queue_switches (held, reason, person_id) VALUES (true, 'x', 'sam')")
    assert (measured("notify_dead_letters"), measured("notify_queue_held")) == (1, 1)
    change(engine, "UPDATE dead_letters SET replayed_at = now()")
    assert measured("notify_dead_letters") == 0


@pytest.mark.usefixtures("two")
def test_mails_of_unknown_fate_are_told_for_a_week(engine: Engine, measured: Measured) -> None:
    assert measured("notify_unknown_messages") == 0
    change(engine, "UPDATE messages SET state = 'unknown', settled_at = now(), updated_at = now()")
    assert measured("notify_unknown_messages") == 2
    change(
        engine,
        "UPDATE messages SET updated_at = now() - interval '8 days' WHERE id = (SELECT min(id) FROM messages)",
    )
    assert measured("notify_unknown_messages") == 1


def test_every_outcome_is_there_from_the_beginning() -> None:
    figures.begin()
    for kind in (*kinds(), figures.OTHER):
        for state in ("sent", "failed", "unknown", "expired"):
            assert REGISTRY.get_sample_value("notify_outcomes_total", {"kind": kind, "state": state}) is not None

"""Orders and accounts are streams of their own: who becomes known late, and whom nobody ever told of."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from mercadito_events.envelope import new_event
from notify.kinds import kinds
from notify.queueing import alarms, intents
from notify.subscriptions import subscriptions
from outgoing import know, messages, placed, record
from sqlalchemy import Engine, text
from world import DOMAIN, contact


def expand(engine: Engine) -> None:
    with engine.begin() as connection:
        intents.expand(connection, domain=DOMAIN)


def hear_of(engine: Engine, person: str, *, told: timedelta, **changes: Any) -> None:
    """Handle now what was told so long ago of somebody."""
    data = contact(person_id=person, email=f"{person}@tienda.example", **changes)
    event = new_event("accounts.contact.changed.v1", data, source="/mercadito/orders")
    event = replace(event, time=datetime.now(UTC) - told)
    with engine.begin() as connection:
        (accounts,) = (one for one in subscriptions(date.today) if one.stream == "ACCOUNTS")
        accounts.handlers[event.type](connection, event)


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT state FROM intents ORDER BY id")))


def written_to(engine: Engine) -> list[str]:
    return [row.person_id for row in messages(engine)]


def test_who_was_told_of_before_the_order_and_heard_of_after_it_gets_its_mail_too(engine: Engine) -> None:
    know(engine)
    record(engine, placed())
    expand(engine)
    hear_of(engine, "late", told=timedelta(minutes=5))
    expand(engine)
    assert written_to(engine) == ["person-1", "late"]
    hear_of(engine, "late", told=timedelta(minutes=4), version=2)
    expand(engine)
    assert written_to(engine) == ["person-1", "late"]
    assert states(engine) == ["expanded"]


def test_who_came_to_the_store_after_the_order_does_not(engine: Engine) -> None:
    know(engine)
    record(engine, placed())
    expand(engine)
    hear_of(engine, "new", told=timedelta(seconds=-1))
    hear_of(engine, "of-another", told=timedelta(minutes=5), store_ids=["store-2"])
    hear_of(engine, "gone", told=timedelta(minutes=5), active=False)
    expand(engine)
    assert written_to(engine) == ["person-1"]


def test_what_is_over_wakes_for_nobody(engine: Engine) -> None:
    know(engine)
    record(engine, placed())
    expand(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE intents SET expires_at = now()"))
    hear_of(engine, "late", told=timedelta(minutes=5))
    assert states(engine) == ["expanded"]


def test_what_ends_between_waking_and_looking_was_not_to_nobody(engine: Engine) -> None:
    know(engine)
    record(engine, placed())
    expand(engine)
    hear_of(engine, "late", told=timedelta(minutes=5))
    with engine.begin() as connection:
        connection.execute(text("UPDATE intents SET expires_at = now()"))
    expand(engine)
    assert states(engine) == ["expanded"]
    assert written_to(engine) == ["person-1"]


@pytest.mark.parametrize(("ago", "is_told"), [(timedelta(hours=2), True), (timedelta(minutes=5), False)])
def test_mails_for_which_nobody_became_known_are_told_to_those_who_run_the_system(
    engine: Engine, ago: timedelta, is_told: bool
) -> None:
    record(engine, placed())
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE intents SET created_at = now() - interval '2 days', expires_at = now() - :ago"), {"ago": ago}
        )
    expand(engine)
    with engine.begin() as connection:
        alarms.look(connection, [])
        told = connection.execute(text("SELECT data FROM intents WHERE kind = 'alarm_mails'")).scalars().all()
    assert bool(told) is is_told
    if told:
        assert told[0]["kinds"] == [
            {"kind": "order_confirmation", "name": "Order received", "name_es": "Pedido recibido",
             "failed": 0, "unknown": 0, "expired": 0, "unaddressed": 1}
        ]  # fmt: skip
        assert kinds()["alarm_mails"].reading.of(told[0]).total == 1  # type: ignore[attr-defined]

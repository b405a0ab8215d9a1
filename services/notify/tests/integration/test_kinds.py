"""Which events become mails, and to whom."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mercadito_events.envelope import Event, new_event
from notify.kinds import kinds
from notify.queueing import intents
from notify.recipients.contacts import change_contact
from notify.recipients.stores import change_store
from sqlalchemy import Engine, text
from world import DOMAIN, REPOSITORY, contact, order

NOW = datetime.now(UTC)
LATER, SOON = NOW + timedelta(hours=30), NOW + timedelta(hours=1)
PEOPLE = {
    "lupe": {"role": "buyer", "store_ids": ["store-1"]},
    "rosa": {"role": "buyer", "store_ids": ["store-1", "store-2"]},
    "left": {"role": "buyer", "store_ids": ["store-1"], "active": False},
    "idle": {"role": "buyer", "store_ids": []},
    "sam": {"role": "staff", "store_ids": []},
    "ada": {"role": "admin", "store_ids": []},
}


def body(subject: str, **changes: Any) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((REPOSITORY / "events" / "examples" / f"{subject}.json").read_text())
    day = {"cutoff_at": LATER.isoformat()} if ".cycle." in subject else {}
    return stored["body"] | day | changes


def event(subject: str, **changes: Any) -> Event:
    return new_event(subject, body(subject, **changes), source="/mercadito/orders")


@pytest.fixture
def told(engine: Engine) -> Callable[..., set[str]]:
    """Everybody is known; events are handled; return who is written to, and about what."""
    with engine.begin() as connection:
        for person_id, about in PEOPLE.items():
            told_of = contact(person_id=person_id, email=f"{person_id}@x.example", **about)
            change_contact(connection, new_event("accounts.contact.changed.v1", told_of, source="/mercadito/orders"))

    def tell(*happened: Event) -> set[str]:
        with engine.begin() as connection:
            for each in happened:
                intents.handlers()[each.type](connection, each)
            while intents.expand(connection, domain=DOMAIN).queued:
                pass
            return set(connection.scalars(text("SELECT person_id FROM messages")))

    return tell


def data(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [row.data for row in connection.execute(text("SELECT data FROM intents ORDER BY id"))]


def test_an_opening_is_told_to_those_who_order_and_once(told: Callable[..., set[str]], engine: Engine) -> None:
    opened = event("orders.cycle.opened.v1")
    assert told(opened, event("orders.cycle.opened.v1")) == {"lupe", "rosa"}
    assert len(data(engine)) == 1


@pytest.mark.parametrize("changes", [{"republished": True}, {"offers_total": 0, "price_list": []}])
def test_an_opening_that_is_no_news_is_not_mailed(told: Callable[..., set[str]], changes: dict[str, Any]) -> None:
    assert told(event("orders.cycle.opened.v1", **changes)) == set()


def test_an_opening_of_an_older_publisher_is_mailed_without_prices(told: Callable[..., set[str]]) -> None:
    older = {
        name: value
        for name, value in body("orders.cycle.opened.v1").items()
        if name not in ("price_list", "offers_total")
    }
    assert told(new_event("orders.cycle.opened.v1", older, source="/mercadito/orders")) == {"lupe", "rosa"}


def test_stores_without_an_order_are_reminded_each_by_name(told: Callable[..., set[str]], engine: Engine) -> None:
    with engine.begin() as connection:
        for number, wants in ((1, False), (2, True)):
            store = body("orders.store.changed.v1", store_id=f"store-{number}", name=f"N{number}", wants_reminder=wants)
            change_store(connection, new_event("orders.store.changed.v1", store, source="/mercadito/orders"))
    closing = event("orders.cycle.closing.v1", stores_without_order=["store-1", "store-2"], cutoff_at=SOON.isoformat())
    assert told(closing, closing) == {"rosa"}
    assert [each["store_name"] for each in data(engine)] == ["N2"]


def test_a_store_that_is_not_known_yet_is_reminded_without_a_name(
    told: Callable[..., set[str]], engine: Engine
) -> None:
    assert told(event("orders.cycle.closing.v1", stores_without_order=["store-1"])) == {"lupe", "rosa"}
    assert [each["store_name"] for each in data(engine)] == [""]


def test_a_reminder_never_comes_after_the_cutoff(told: Callable[..., set[str]], engine: Engine) -> None:
    past = (NOW - timedelta(seconds=1)).isoformat()
    assert told(event("orders.cycle.closing.v1", stores_without_order=["store-1"], cutoff_at=past)) == set()
    told(event("orders.cycle.closing.v1", stores_without_order=["store-1"], cutoff_at=SOON.isoformat()))
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT expires_at FROM messages")).first() == SOON


def test_when_all_have_ordered_nobody_is_reminded_and_nothing_waits(
    told: Callable[..., set[str]], engine: Engine
) -> None:
    assert told(event("orders.cycle.closing.v1", stores_without_order=[])) == set()
    assert data(engine) == []


def test_a_close_is_told_to_those_who_work_at_the_hub(told: Callable[..., set[str]]) -> None:
    assert told(event("orders.cycle.closed.v1")) == {"sam", "ada"}


def test_a_cancelled_day_is_told_to_those_who_order_if_they_knew_of_it(told: Callable[..., set[str]]) -> None:
    ahead = (NOW + timedelta(days=2)).isoformat()
    assert told(event("orders.cycle.cancelled.v1", opens_at=ahead, server_time=NOW.isoformat())) == set()
    assert told(event("orders.cycle.cancelled.v1")) == {"lupe", "rosa"}


@pytest.mark.parametrize(("role", "readers"), [("buyer", {"sam", "ada"}), ("staff", {"lupe", "rosa"})])
def test_a_comment_goes_to_the_other_side_alone(told: Callable[..., set[str]], role: str, readers: set[str]) -> None:
    actor = {"person_id": "lupe" if role == "buyer" else "sam", "role": role, "name": "Somebody"}
    assert told(event("orders.comment.posted.v1", actor=actor, store_id="store-1")) == readers


@pytest.mark.parametrize(
    ("state", "readers"), [("running", set()), ("waiting", set()), ("done", {"sam"}), ("failed", {"sam"})]
)
def test_a_task_is_told_to_who_started_it_when_it_has_ended(
    told: Callable[..., set[str]], state: str, readers: set[str]
) -> None:
    assert told(event("orders.task.progressed.v1", state=state, person_id="sam")) == readers


def test_a_failed_crawl_is_told_to_admins_once_a_day_for_each_source(
    told: Callable[..., set[str]], engine: Engine
) -> None:
    again = event("usda.crawl.failed.v1", crawl_id="another")
    assert told(event("usda.crawl.failed.v1"), again, event("usda.crawl.failed.v1", source="mars")) == {"ada"}
    assert [each["source"] for each in data(engine)] == ["index, mars", "mars"]


@pytest.mark.parametrize(("person_id", "name"), [("lupe", "Rosa Peña"), ("left", "Rosa Peña"), ("nobody-we-know", "")])
def test_whoever_changed_an_order_is_remembered_by_name(
    told: Callable[..., set[str]], engine: Engine, person_id: str, name: str
) -> None:
    changed = body("orders.order.amended.v1", store_id="store-1", actor={"person_id": person_id, "role": "buyer"})
    assert told(new_event("orders.order.amended.v1", changed, source="/mercadito/orders")) == {"lupe", "rosa"}
    assert [each["actor_name"] for each in data(engine)] == [name]


def test_a_store_keeps_its_newest_name(engine: Engine) -> None:
    with engine.begin() as connection:
        for name in ("Old", "New\r\nBcc: x"):
            store = body("orders.store.changed.v1", store_id="store-1", name=name)
            change_store(connection, new_event("orders.store.changed.v1", store, source="/mercadito/orders"))
        assert connection.scalars(text("SELECT name FROM stores")).all() == ["New Bcc: x"]


def test_a_store_that_is_told_of_late_puts_no_old_state_back(told: Callable[..., set[str]], engine: Engine) -> None:
    older = new_event(
        "orders.store.changed.v1",
        body("orders.store.changed.v1", store_id="store-1", wants_reminder=True),
        source="/mercadito/orders",
    )
    newer = replace(older, data={**older.data, "wants_reminder": False}, time=older.time + timedelta(seconds=1))
    with engine.begin() as connection:
        for one in (newer, older):
            change_store(connection, one)
    assert told(event("orders.cycle.closing.v1", stores_without_order=["store-1"])) == set()


def test_a_confirmation_is_made_of_its_event_alone(told: Callable[..., set[str]]) -> None:
    assert told(new_event("orders.order.placed.v1", order(), source="/mercadito/orders")) == {"lupe", "rosa"}


def test_what_no_event_told_is_said_once_and_not_when_it_is_too_late(
    told: Callable[..., set[str]], engine: Engine
) -> None:
    kind = replace(kinds()["cycle_cancelled"], event_type=None)
    about = kind.reading.of(body("orders.cycle.cancelled.v1"))
    with engine.begin() as connection:
        assert [intents.say(connection, kind, about, at=NOW) for _ in range(2)] == [True, False]
        past = replace(kind, name="late", ends_at=lambda _: NOW - timedelta(seconds=1))
        assert not intents.say(connection, past, about, at=NOW)
    assert told() == {"lupe", "rosa"}
    assert len(data(engine)) == 1


def test_a_kind_that_no_event_causes_has_no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    found = kinds() | {"clock": replace(kinds()["comment"], event_type=None)}
    monkeypatch.setattr(intents, "kinds", lambda: found)
    assert None not in intents.handlers()
    assert "orders.comment.posted.v1" in intents.handlers("ORDERS")

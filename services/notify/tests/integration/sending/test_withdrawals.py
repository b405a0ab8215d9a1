"""A reminder that waits is withdrawn when its store orders, and due again when the store takes that order back."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from market import today
from mercadito_events.envelope import Event, new_event
from notify.queueing import intents
from notify.recipients import preferences
from notify.recipients.cancelled_days import IS_CANCELLED
from notify.recipients.ordered import HAS_ORDERED, has_ordered
from notify.subscriptions import subscriptions
from outgoing import Eventually, events, know, messages, sending
from sqlalchemy import Engine, text
from world import DOMAIN, REPOSITORY, sample

DAY, STORE = "day-1", "store-1"
HANDLERS = next(one.handlers for one in subscriptions(today) if one.stream == "ORDERS")
SOURCE = "/mercadito/orders"


def closing(**changes: Any) -> Event:
    body = json.loads((REPOSITORY / "events" / "examples" / "orders.cycle.closing.v1.json").read_text())["body"]
    cutoff = datetime.now(UTC) + timedelta(hours=1)
    day = {"cycle_id": DAY, "cutoff_at": cutoff.isoformat(), "stores_without_order": [STORE]}
    return new_event("orders.cycle.closing.v1", body | day | changes, source=SOURCE)


def about_order(what: str, order_id: str = "order-1", **changes: Any) -> Event:
    kind = {"placed": "order_confirmation", "amended": "order_changed", "cancelled": "order_cancelled"}[what]
    order = sample(kind) | {"order_id": order_id, "cycle_id": DAY, "store_id": STORE} | changes
    return new_event(f"orders.order.{what}.v1", order, source=SOURCE)


def tell(engine: Engine, *happened: Event) -> None:
    for event in happened:
        with engine.begin() as connection:
            HANDLERS[event.type](connection, event)


def reminders(engine: Engine) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in messages(engine) if row.kind == "reminder"]


@pytest.fixture
def waits(engine: Engine) -> None:
    """A reminder is in the queue, which does not flow."""
    know(engine, locale="en")
    hold(engine, held=True)
    tell(engine, closing())
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 1


def of_day(what: str) -> Event:
    body = json.loads((REPOSITORY / "events" / "examples" / f"orders.cycle.{what}.v1.json").read_text())["body"]
    day = {"cycle_id": DAY, "cutoff_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    return new_event(f"orders.cycle.{what}.v1", body | {key: day[key] for key in day if key in body}, source=SOURCE)


@pytest.mark.usefixtures("waits")
async def test_of_a_day_that_is_cancelled_only_that_is_told(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    tell(engine, of_day("opened"), of_day("cancelled"))
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 2
    await run(engine, relay, eventually)
    fared = {row.kind: (row.state, row.reason) for row in messages(engine)}
    gone = ("suppressed", IS_CANCELLED)
    assert fared == {"reminder": gone, "price_list": gone, "cycle_cancelled": ("sent", None)}


def hold(engine: Engine, *, held: bool) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO queue_switches (held, person_id) VALUES (:held, 'sam')"), {"held": held})


async def run(engine: Engine, relay: FaultyRelay, eventually: Eventually) -> None:
    """Let the queue flow until nothing waits any more."""
    hold(engine, held=False)

    def is_empty() -> bool:
        return not [row for row in messages(engine) if row.state in ("queued", "sending", "deferred")]

    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, is_empty)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("what", ["placed", "amended"])
async def test_it_is_withdrawn_when_the_store_orders(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, what: str
) -> None:
    tell(engine, about_order(what))
    await run(engine, relay, eventually)
    assert reminders(engine) == [("suppressed", HAS_ORDERED)]
    # The order's own mail goes; of the reminder others are told that it was not sent, never that it failed.
    assert len(relay.taken) == 1
    told = [(kind, data["kind"]) for kind, data in events(engine)]
    assert ("notify.email.suppressed.v1", "reminder") in told
    assert "notify.email.failed.v1" not in dict(told)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    "order", [{"store_id": "store-2"}, {"cycle_id": "day-2"}], ids=["another store's", "another day's"]
)
async def test_orders_of_others_withdraw_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, order: dict[str, str]
) -> None:
    tell(engine, about_order("placed", **order))
    await run(engine, relay, eventually)
    assert reminders(engine) == [("sent", None)]


@pytest.mark.usefixtures("waits")
async def test_an_order_that_was_cancelled_before_its_turn_withdraws_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    tell(engine, about_order("placed"), about_order("cancelled"))
    await run(engine, relay, eventually)
    assert reminders(engine) == [("sent", None)]


@pytest.mark.usefixtures("waits")
async def test_a_store_that_takes_its_order_back_is_reminded_after_all_and_once(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    tell(engine, about_order("placed"))
    await run(engine, relay, eventually)
    tell(engine, about_order("placed", "order-2"), about_order("cancelled"))
    assert reminders(engine) == [("suppressed", HAS_ORDERED)], "it still has an order"
    tell(engine, about_order("cancelled", "order-2"))
    await run(engine, relay, eventually)
    assert reminders(engine) == [("sent", None)]
    tell(engine, about_order("placed", "order-3"), about_order("cancelled", "order-3"))
    await run(engine, relay, eventually)
    assert reminders(engine) == [("sent", None)]


@pytest.mark.usefixtures("waits")
async def test_after_the_cutoff_and_against_its_readers_will_nothing_comes_back(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    with engine.begin() as connection:
        preferences.want(connection, "person-1", {"reminder": False}, "page")
    tell(engine, about_order("placed"))
    await run(engine, relay, eventually)
    assert reminders(engine) == [("suppressed", "turned off by its reader")]
    tell(engine, about_order("cancelled"))
    assert reminders(engine) == [("suppressed", "turned off by its reader")]
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE messages SET reason = :reason, expires_at = now() WHERE kind = 'reminder'"),
            {"reason": HAS_ORDERED},
        )
    tell(engine, about_order("cancelled"))
    assert reminders(engine) == [("suppressed", HAS_ORDERED)]


async def test_one_that_was_put_off_by_the_relay_is_withdrawn_at_its_next_turn(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    relay.scripts = ["rcpt_450"]
    tell(engine, closing())
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: [row for row in messages(engine) if row.state == "deferred"])
    tell(engine, about_order("placed"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET due_at = now()"))
    relay.scripts = ["accept"]
    await run(engine, relay, eventually)
    assert reminders(engine) == [("suppressed", HAS_ORDERED)]


@pytest.mark.parametrize(
    "happened", list(itertools.permutations(["placed", "amended", "cancelled", "placed"])), ids="-".join
)
def test_told_late_twice_or_in_another_order_events_say_the_same(engine: Engine, happened: tuple[str, ...]) -> None:
    tell(engine, *(about_order(what) for what in happened))
    with engine.connect() as connection:
        assert not has_ordered(connection, DAY, STORE)


async def test_a_closing_that_is_told_after_the_order_reminds_of_nothing(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    tell(engine, about_order("placed"), closing())
    await run(engine, relay, eventually)
    assert reminders(engine) == [("suppressed", HAS_ORDERED)]


def test_an_order_of_an_older_publisher_is_mailed_all_the_same(engine: Engine) -> None:
    order = about_order("placed")
    older = {name: value for name, value in order.data.items() if name != "cycle_id"}
    tell(engine, new_event(order.type, older, source=SOURCE))
    with engine.connect() as connection:
        assert not has_ordered(connection, DAY, STORE)
        assert connection.scalar(text("SELECT count(*) FROM intents")) == 1

"""The market day's clock: exactly once, whoever looks, however late."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mercadito_events.envelope import EventTooLarge
from sqlalchemy import text

from orders.application import clock, facts
from orders.application.republish import republish
from orders.domain import errors
from tests.contract.test_published_events import check


def told(world: Any) -> list[str]:
    return [event["type"] for event in world.events()]


def test_a_day_opens_when_its_time_has_come_and_sends_its_price_list(world: Any, transactions: Any) -> None:
    later = world.cycle(state="scheduled", opens_in_s=60, cutoff_in_s=9_000)
    due = world.cycle(state="scheduled", opens_in_s=-1, cutoff_in_s=9_000)
    for _ in range(201):
        world.offer(due)
    assert clock.advance(transactions) == 1
    assert clock.advance(transactions) == 0
    opened, *lists = world.events()
    assert (opened["type"], opened["cycle_id"], opened["state"]) == ("orders.cycle.opened.v1", due, "open")
    assert [(part["part"], part["parts"], len(part["offers"])) for part in lists] == [(1, 2, 200), (2, 2, 1)]
    assert world.value("SELECT state FROM cycles WHERE id = CAST(:id AS uuid)", id=later) == "scheduled"


def test_an_hour_before_the_cutoff_the_stores_that_are_missing_are_told_once(world: Any, transactions: Any) -> None:
    store = world.store()
    world.cycle(cutoff_in_s=clock.WARN_AHEAD_S - 1)
    world.cycle(cutoff_in_s=clock.WARN_AHEAD_S + 60)
    assert clock.advance(transactions) == 1
    assert clock.advance(transactions) == 0
    closing = world.events("orders.cycle.closing.v1")
    assert [event["stores_without_order"] for event in closing] == [[store]]


def test_a_reminder_to_more_stores_than_an_event_holds_comes_in_parts(world: Any, transactions: Any) -> None:
    world.run(
        "INSERT INTO stores (id, name) SELECT gen_random_uuid(), 'Store ' || n FROM generate_series(1, :many) n",
        many=facts.MAX_STORES_PER_EVENT + 1_700,
    )
    world.cycle(cutoff_in_s=clock.WARN_AHEAD_S - 1)
    assert clock.advance(transactions) == 1
    parts = world.events("orders.cycle.closing.v1")
    assert [(one["part"], one["parts"], len(one["stores_without_order"])) for one in parts] == [
        (1, 2, facts.MAX_STORES_PER_EVENT),
        (2, 2, 1_700),
    ]
    assert len({store for one in parts for store in one["stores_without_order"]}) == facts.MAX_STORES_PER_EVENT + 1_700
    assert {check(one) for one in parts} == {"orders.cycle.closing.v1"}


def test_a_reminder_that_can_not_be_told_keeps_no_day_from_closing(
    world: Any, transactions: Any, monkeypatch: Any
) -> None:
    def too_large(*_: Any) -> None:
        raise EventTooLarge

    monkeypatch.setattr("orders.adapters.cycles.SqlCycles.stores_without_order", too_large)
    over, soon = world.cycle(cutoff_in_s=-1), world.cycle(cutoff_in_s=clock.WARN_AHEAD_S - 1)
    with pytest.raises(clock.StepsFailed) as failed:
        clock.advance(transactions)
    assert list(failed.value.errors) == ["reminding"]
    assert world.value("SELECT state FROM cycles WHERE id = CAST(:id AS uuid)", id=over) == "closed"
    monkeypatch.undo()
    assert clock.advance(transactions) == 1
    assert [one["cycle_id"] for one in world.events("orders.cycle.closing.v1")] == [soon]


def test_what_failed_before_the_database_went_is_told_with_it(world: Any, transactions: Any, monkeypatch: Any) -> None:
    def away(*_: Any) -> None:
        raise errors.Unavailable("away", not_processed=True)

    monkeypatch.setattr("orders.application.clock.warn_due", lambda _: 1 // 0)
    monkeypatch.setattr("orders.application.clock.close_due", away)
    with pytest.raises(clock.StepsFailed) as failed:
        clock.advance(transactions)
    assert {kind: type(error) for kind, error in failed.value.errors.items()} == {
        "reminding": ZeroDivisionError,
        "closing": errors.Unavailable,
    }


def test_a_day_closes_at_its_cutoff(world: Any, transactions: Any) -> None:
    world.cycle(cutoff_in_s=-1)
    assert clock.advance(transactions) == 1
    assert told(world) == ["orders.cycle.closed.v1"]
    assert world.value("SELECT state FROM cycles") == "closed"


def test_a_day_that_an_outage_swallowed_whole_opens_and_closes_in_order(world: Any, transactions: Any) -> None:
    world.cycle(state="scheduled", opens_in_s=-90_000, cutoff_in_s=-80_000)
    clock.advance(transactions)
    assert told(world) == ["orders.cycle.opened.v1", "orders.cycle.closed.v1"]


def test_many_clocks_at_once_take_each_step_once(world: Any, transactions: Any) -> None:
    for _ in range(5):
        world.cycle(cutoff_in_s=-1)
        world.cycle(state="scheduled", opens_in_s=-1)
    with ThreadPoolExecutor(8) as pool:
        steps = sum(pool.map(lambda _: clock.advance(transactions), range(16)))
    assert told(world).count("orders.cycle.opened.v1") == 5
    assert told(world).count("orders.cycle.closed.v1") == 5
    assert steps == len([one for one in told(world) if one.startswith("orders.cycle.")])


def test_a_crash_between_state_and_event_leaves_neither(world: Any, transactions: Any, monkeypatch: Any) -> None:
    world.cycle(cutoff_in_s=-1)

    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("orders.adapters.transactions.enqueue", crash)
    with pytest.raises(clock.StepsFailed) as failed:
        clock.advance(transactions)
    assert list(failed.value.errors) == ["closing"]
    assert (world.value("SELECT state FROM cycles"), told(world)) == ("open", [])
    monkeypatch.undo()
    assert clock.advance(transactions) == 1


def test_closing_waits_for_an_order_that_is_being_placed(world: Any, transactions: Any, engine: Any) -> None:
    cycle = world.cycle(cutoff_in_s=-1)
    with engine.connect() as other, other.begin():
        other.execute(text("SELECT 1 FROM cycles WHERE id = CAST(:id AS uuid) FOR SHARE"), {"id": cycle})
        assert clock.advance(transactions) == 0  # it is left to the next look instead of blocking the clock
    assert clock.advance(transactions) == 1


def test_republishing_tells_people_stores_and_open_days(world: Any, transactions: Any) -> None:
    buyer, store = world.buyer()
    cycle = world.cycle()
    world.offer(cycle)
    world.cycle(state="closed")
    assert republish(transactions, "America/Los_Angeles") == {"contacts": 1, "stores": 1, "cycles": 1}
    contact, changed, opened, offers = world.events()
    assert (contact["person_id"], contact["store_ids"], contact["locale"]) == (buyer.person_id, [store], "en")
    assert (changed["store_id"], changed["people"]) == (store, [buyer.person_id])
    assert (opened["cycle_id"], opened["republished"]) == (cycle, True)
    assert len(offers["offers"]) == 1

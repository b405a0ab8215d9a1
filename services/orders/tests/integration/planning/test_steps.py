"""The clock's newer steps: reminding when staff said, passing to packing, winding up what was cancelled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orders.application import clock
from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.application.planning import CancelCycle, EditCycle, PlanningDesk
from orders.domain import errors
from orders.domain.order import LineRequest
from orders.domain.people import Role
from tests.integration.planning.conftest import Staff, ahead
from tests.integration.planning.test_market_days import HUB, moment
from tests.integration.planning.test_offers import given, order


def told(world: Any) -> list[str]:
    return [event["type"] for event in world.events() if event["type"].startswith("orders.cycle.")]


def state(world: Any, cycle: str) -> str:
    return str(world.value("SELECT state FROM cycles WHERE id = CAST(:id AS uuid)", id=cycle))


def test_the_reminder_comes_when_staff_said_and_only_once(world: Any, staff: Staff, transactions: Any) -> None:
    cycle = world.cycle(cutoff_in_s=9_000)
    assert clock.advance(transactions) == 0
    world.run("UPDATE cycles SET remind_at = clock_timestamp() - interval '1 second'")
    assert clock.advance(transactions) == 1
    assert staff.patch(cycle, None, cutoff_at=ahead(hours=30)).status_code == 200
    assert clock.advance(transactions) == 0
    assert told(world).count("orders.cycle.closing.v1") == 1
    assert staff.patch(cycle, None, remind_at=ahead(hours=2)).status_code == 409


def test_a_cutoff_moved_nearer_reminds_at_once(world: Any, staff: Staff, transactions: Any) -> None:
    cycle = world.cycle(cutoff_in_s=9_000)
    staff.patch(cycle, None, cutoff_at=ahead(minutes=20))
    assert clock.advance(transactions) == 1
    assert told(world)[-1] == "orders.cycle.closing.v1"


def test_a_closed_day_passes_to_packing_at_its_time(world: Any, transactions: Any) -> None:
    by_hand = world.cycle(state="closed", cutoff_in_s=-60)
    due, later = (world.cycle(state="closed", cutoff_in_s=-60) for _ in range(2))
    world.run("UPDATE cycles SET packing_at = now() - interval '1 s' WHERE id = CAST(:id AS uuid)", id=due)
    world.run("UPDATE cycles SET packing_at = now() + interval '1 h' WHERE id = CAST(:id AS uuid)", id=later)
    assert clock.advance(transactions) == 1
    assert clock.advance(transactions) == 0
    assert [state(world, one) for one in (by_hand, due, later)] == ["closed", "packing", "closed"]
    [event] = world.events("orders.cycle.packing.v1")
    assert (event["cycle_id"], event["state"]) == (due, "packing")
    [entry] = world.rows("SELECT action, reason FROM audit WHERE entity = 'cycle'")
    assert (entry.action, entry.reason) == ("packing", "by the clock")


@pytest.mark.parametrize("days_out", [0, 3, 400])
def test_after_an_outage_of_any_length_everything_happens_once_and_in_order(
    world: Any, transactions: Any, days_out: int
) -> None:
    late_s = days_out * 86_400
    cycle = world.cycle(state="scheduled", opens_in_s=-7_200 - late_s, cutoff_in_s=-3_600 - late_s)
    world.run("UPDATE cycles SET packing_at = cutoff_at + interval '10 minutes'")
    assert clock.advance(transactions) == 3
    assert clock.advance(transactions) == 0
    assert told(world) == [f"orders.cycle.{step}.v1" for step in ("opened", "closed", "packing")]
    assert state(world, cycle) == "packing"


def test_two_clocks_at_once_take_each_step_once(world: Any, transactions: Any) -> None:
    for number in range(6):
        made = world.cycle(state="scheduled", opens_in_s=-7_200, cutoff_in_s=-3_600)
        if number % 2:
            world.run("UPDATE cycles SET state = 'cancelled' WHERE id = CAST(:id AS uuid)", id=made)
    world.run("UPDATE cycles SET packing_at = cutoff_at")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: [clock.advance(transactions) for _ in range(6)], range(2)))
    for step in ("opened", "closed", "packing"):
        assert told(world).count(f"orders.cycle.{step}.v1") == 3
    assert world.value("SELECT count(*) FROM cycles WHERE state = 'cancelled' AND wound_up_at IS NULL") == 0


def test_a_cancelled_day_takes_no_orders_and_tells_so_at_once(world: Any, staff: Staff, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle)
    answer = staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "The market is on strike."})
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert answer.json["cancel_reason"] == "The market is on strike."
    assert told(world) == ["orders.cycle.cancelled.v1"]
    with pytest.raises(errors.CycleCancelled):
        order(world, transactions, cycle, (offer, 1))
    assert staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "again"}).status_code == 409


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x00b"])
def test_cancelling_asks_for_a_reason(world: Any, staff: Staff, reason: str) -> None:
    cycle = world.cycle()
    assert staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": reason}).status_code == 422
    assert state(world, cycle) == "open"


def test_cancelling_needs_the_day_as_it_was_looked_at_where_a_version_is_given(world: Any, staff: Staff) -> None:
    cycle = world.cycle()
    staff.patch(cycle, None, name="Renamed")
    late = staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "no"}, If_Match='"1"')
    assert (late.status_code, state(world, cycle)) == (412, "open")


@pytest.mark.parametrize("was", ["scheduled", "open", "closed", "packing"])
def test_its_orders_are_cancelled_each_properly(world: Any, staff: Staff, transactions: Any, was: str) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=500)
    orders = [order(world, transactions, cycle, (offer, 2)) for _ in range(clock.ORDERS_PER_TRANSACTION + 3)]
    gone = world.value("SELECT id FROM orders LIMIT 1")
    world.run("UPDATE orders SET state = 'delivered' WHERE id = :id", id=gone)
    world.run("UPDATE cycles SET state = :state", state=was)
    assert staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "No truck"}).status_code == 200
    steps = clock.advance(transactions)
    assert steps == len(orders) - 1
    clock.advance(transactions)
    assert world.value("SELECT wound_up_at IS NOT NULL FROM cycles") is True
    cancelled = world.events("orders.order.cancelled.v1")
    assert {event["order_id"] for event in cancelled} == set(orders) - {str(gone)}
    assert {event["reason"] for event in cancelled} == {"No truck"}
    assert {event["actor"]["person_id"] for event in cancelled} == {staff.actor.person_id}
    assert world.remaining(offer) == 498
    trail = world.rows("SELECT reason FROM audit WHERE entity = 'order' AND action = 'cancelled'")
    assert [row.reason for row in trail] == ["No truck"] * (len(orders) - 1)


def test_a_crash_in_the_middle_of_winding_up_repeats_and_loses_nothing(
    world: Any, staff: Staff, transactions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=500)
    for _ in range(5):
        order(world, transactions, cycle, (offer, 2))
    staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "No truck"})
    monkeypatch.setattr(clock, "ORDERS_PER_TRANSACTION", 2)
    withdrawn = clock.withdraw_order
    left = [3]

    def dies_at_the_fourth(*given: Any) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return withdrawn(*given)

    monkeypatch.setattr(clock, "withdraw_order", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        clock.advance(transactions)
    assert len(world.events("orders.order.cancelled.v1")) == 2
    monkeypatch.setattr(clock, "withdraw_order", withdrawn)
    clock.advance(transactions)
    assert len(world.events("orders.order.cancelled.v1")) == 5
    assert world.remaining(offer) == 500


def test_one_look_takes_a_bounded_part_of_many_orders(
    world: Any, monkeypatch: pytest.MonkeyPatch, transactions: Any
) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=500)
    for _ in range(clock.TRANSACTIONS_PER_LOOK + 2):
        order(world, transactions, cycle, (offer, 1))
    world.run("UPDATE cycles SET state = 'cancelled', cancel_reason = 'before this was kept'")
    monkeypatch.setattr(clock, "ORDERS_PER_TRANSACTION", 1)
    assert [clock.advance(transactions) for _ in range(3)] == [clock.TRANSACTIONS_PER_LOOK, 2, 0]


def test_a_look_that_takes_long_leaves_the_rest_to_the_next(
    world: Any, monkeypatch: pytest.MonkeyPatch, transactions: Any
) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=500)
    for _ in range(3):
        order(world, transactions, cycle, (offer, 1))
    world.run("UPDATE cycles SET state = 'cancelled'")
    monkeypatch.setattr(clock, "ORDERS_PER_TRANSACTION", 1)
    monkeypatch.setattr(clock, "LONGEST_WINDING_UP_S", -1)
    assert [clock.advance(transactions) for _ in range(4)] == [1, 1, 1, 0]


def test_cancelling_during_a_burst_of_orders_leaves_none_alive_and_stock_adds_up(world: Any, transactions: Any) -> None:
    cycle = world.cycle()
    offers = [world.offer(cycle, available=1_000) for _ in range(3)]
    actor, desk, planning = world.person(Role.STAFF), OrderDesk(transactions), PlanningDesk(transactions, HUB)
    buyers = [world.buyer() for _ in range(12)]
    is_over = threading.Event()
    refused: list[type] = []

    def order_on(one: tuple[Any, str]) -> int:
        placed = 0
        while not is_over.is_set():
            lines = tuple(LineRequest(offer, 1) for offer in offers)
            try:
                made = desk.place(PlaceOrder(one[0], cycle, one[1], lines), lambda view: Answer(201, view.id)).body
                desk.amend(AmendOrder(one[0], made, None, lines[:1]), given)
                if placed % 2 == 0:
                    desk.cancel(CancelOrder(one[0], made), given)
                placed += 1
            except errors.OrderExists as exists:
                try:
                    desk.cancel(CancelOrder(one[0], exists.order_id or ""), given)
                except errors.CycleClosed:
                    return placed
            except errors.CycleClosed as closed:
                refused.append(type(closed))
                return placed
        return placed

    with ThreadPoolExecutor(13) as pool:
        bursts = [pool.submit(order_on, one) for one in buyers]
        while world.value("SELECT count(*) FROM orders") < 12:
            pass
        # The queue of the gate is fair: it is let in although there is never a moment without an order.
        planning.cancel(CancelCycle(actor, cycle, None, "flood"), given)
        for burst in bursts:
            burst.result(timeout=20)
        is_over.set()
    while clock.advance(transactions):
        pass
    assert world.value("SELECT count(*) FROM orders WHERE state <> 'cancelled'") == 0
    assert [world.remaining(offer) for offer in offers] == [1_000] * 3
    assert set(refused) <= {errors.CycleCancelled}


def test_a_cutoff_moved_while_orders_come_in_is_met_by_each_of_them(world: Any, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=None)
    actor, planning = world.person(Role.STAFF), PlanningDesk(transactions, HUB)
    buyers = [world.buyer() for _ in range(12)]

    def buy(one: tuple[Any, str]) -> None:
        lines = (LineRequest(offer, 1),)
        OrderDesk(transactions).place(PlaceOrder(one[0], cycle, one[1], lines), given)

    def move(minutes: int) -> None:
        planning.edit(EditCycle(actor, cycle, None, {"cutoff_at": moment(ahead(minutes=minutes))}), given)

    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(buy, one) for one in buyers]
        jobs += [pool.submit(move, minutes) for minutes in (30, 90, 45, 120)]
        for job in jobs:
            job.result()
    assert world.value("SELECT count(*) FROM orders WHERE state = 'placed'") == 12
    assert world.value("SELECT version FROM cycles") == 5


def test_closing_is_let_in_between_orders_that_never_stop(world: Any, transactions: Any) -> None:
    cycle = world.cycle(cutoff_in_s=1)
    offer = world.offer(cycle, available=None)
    is_over = threading.Event()
    desk = OrderDesk(transactions)

    def knock(one: tuple[Any, str]) -> None:
        while not is_over.is_set():
            try:
                desk.place(PlaceOrder(one[0], cycle, one[1], (LineRequest(offer, 1),)), given)
            except errors.Refused:
                continue

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(knock, world.buyer()) for _ in range(8)]
        world.run("UPDATE cycles SET cutoff_at = clock_timestamp(), opens_at = clock_timestamp() - interval '1 hour'")
        taken = clock.advance(transactions)
        is_over.set()
        for job in jobs:
            job.result()
    assert (taken, state(world, cycle)) == (1, "closed")

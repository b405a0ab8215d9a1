"""Prices rise above limits: what is dropped, told and given back, also while everybody orders."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.application.ports import UnitOfWork
from orders.application.price_limits import drop_dear_lines
from orders.application.queries import OrderView
from orders.domain import errors
from orders.domain.order import LineRequest
from orders.domain.people import Actor, Role
from tests.integration.lateness import late_statements

STORES = 50


def give(order: OrderView) -> Answer:
    return Answer(201, order.id)


@pytest.fixture
def desk(transactions: Any) -> OrderDesk:
    return OrderDesk(transactions)


@pytest.fixture
def staff(world: Any) -> Actor:
    found: Actor = world.person(Role.STAFF)
    return found


def raise_price(transactions: Any, cycle_id: str, prices: dict[str, int], actor: Actor | None = None) -> int:
    """What a change of prices does around `drop_dear_lines`: day, offers, new prices, and the orders last."""

    def work(unit: UnitOfWork) -> int:
        cycle = unit.cycles.lock_for_ordering(cycle_id)
        assert cycle is not None
        unit.offers.lock(prices, cycle.id)
        for offer, cents in prices.items():
            unit._connection.execute(  # type: ignore[attr-defined]
                text("UPDATE offers SET unit_price_cents = :cents, version = version + 1 WHERE id = CAST(:id AS uuid)"),
                {"id": offer, "cents": cents},
            )
        return drop_dear_lines(unit, cycle, unit.offers.lock(prices, cycle.id).values(), actor=actor)

    dropped: int = transactions.run(work)
    return dropped


def test_a_line_above_its_limit_is_dropped_with_its_stock_and_the_reason(
    world: Any, desk: OrderDesk, transactions: Any, staff: Actor
) -> None:
    cycle = world.cycle()
    limes, rice = world.offer(cycle, name="Limes", price=1_000), world.offer(cycle, name="Rice", price=500)
    buyer, store = world.buyer()
    lines = (LineRequest(limes, 3, None, 1_200), LineRequest(rice, 2, None, 600))
    order = desk.place(PlaceOrder(buyer, cycle, store, lines), give).body
    assert raise_price(transactions, cycle, {limes: 1_200, rice: 600}, staff) == 0
    assert raise_price(transactions, cycle, {limes: 1_201, rice: 600}, staff) == 1
    assert (world.remaining(limes), world.remaining(rice)) == (10, 8)
    [told] = world.events("orders.order.amended.v1")
    assert (told["order_id"], told["version"], [line["name"] for line in told["lines"]]) == (order, 2, ["Rice"])
    assert told["reason"] == "Limes: $12.01 is above the limit of $12.00"
    assert told["actor"]["person_id"] == staff.person_id
    assert ("price_limit", 1_200, 1_201) in [(one["field"], one["old"], one["new"]) for one in told["changes"]]
    changed = world.events("orders.offers.changed.v1")[-1]["offers"]
    assert [(one["offer_id"], one["remaining"], one["ordered"]) for one in changed] == [(limes, 10, 0)]
    assert world.value("SELECT reason FROM audit WHERE entity = 'order' ORDER BY id DESC LIMIT 1") == told["reason"]
    assert raise_price(transactions, cycle, {limes: 1_500}, staff) == 0


def test_an_order_left_without_lines_is_cancelled_and_makes_room(
    world: Any, desk: OrderDesk, transactions: Any
) -> None:
    cycle = world.cycle()
    limes, none = world.offer(cycle, price=1_000), world.offer(cycle, available=0)
    buyer, store = world.buyer()
    from orders.domain.order import OnShortage  # noqa: PLC0415 - only here

    lines = (LineRequest(limes, 3, None, 1_200), LineRequest(none, 2))
    desk.place(PlaceOrder(buyer, cycle, store, lines, on_shortage=OnShortage.PARTIAL), give)
    assert raise_price(transactions, cycle, {limes: 2_000}) == 1
    [told] = world.events("orders.order.cancelled.v1")
    assert told["actor"]["person_id"] == buyer.person_id  # nobody was named, so whoever had it in hand
    assert told["state"] == "cancelled"
    assert world.remaining(limes) == 10
    assert desk.place(PlaceOrder(buyer, cycle, store, (LineRequest(limes, 1),)), give).status == 201


def test_what_may_be_bought_already_is_not_dropped(world: Any, desk: OrderDesk, transactions: Any) -> None:
    cycle, over = world.cycle(), world.cycle()
    early, late = world.offer(cycle, price=1_000), world.offer(over, price=1_000)
    for day, offer in ((cycle, early), (over, late)):
        buyer, store = world.buyer()
        desk.place(PlaceOrder(buyer, day, store, (LineRequest(offer, 3, None, 1_200),)), give)
    world.run("UPDATE offers SET cutoff_at = clock_timestamp() WHERE id = CAST(:id AS uuid)", id=early)
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() WHERE id = CAST(:id AS uuid)", id=over)
    assert raise_price(transactions, cycle, {early: 2_000}) == 0
    assert raise_price(transactions, over, {late: 2_000}) == 0


def test_more_orders_than_are_looked_up_at_once_are_all_dealt_with(
    world: Any, desk: OrderDesk, transactions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders.application import price_limits  # noqa: PLC0415 - only here

    monkeypatch.setattr(price_limits, "BATCH", 3)
    cycle = world.cycle()
    offer = world.offer(cycle, available=100)
    for _ in range(7):
        buyer, store = world.buyer()
        desk.place(PlaceOrder(buyer, cycle, store, (LineRequest(offer, 1, None, 1_600),)), give)
    assert raise_price(transactions, cycle, {offer: 1_700}) == 7
    assert world.remaining(offer) == 100
    assert len(world.events("orders.order.cancelled.v1")) == 7


def live_through(desk: OrderDesk, cycle: str, offers: list[str], who: tuple[Actor, str], seed: int) -> None:
    """Place, amend and perhaps cancel, three times; refusals are part of it."""
    mine, (buyer, store) = random.Random(seed), who

    def lines(*limits: int | None) -> tuple[LineRequest, ...]:
        return tuple(LineRequest(one, mine.randint(1, 4), None, mine.choice(limits)) for one in mine.sample(offers, 3))

    for _ in range(3):
        try:
            order = desk.place(PlaceOrder(buyer, cycle, store, lines(None, 1_200, 1_900)), give).body
            desk.amend(AmendOrder(buyer, order, None, lines(None)), give)
            if mine.random() < 0.3:
                desk.cancel(CancelOrder(buyer, order), give)
        except (errors.SoldOut, errors.OrderNotEditable, errors.PriceChanged):
            continue
        except errors.OrderExists as exists:
            desk.cancel(CancelOrder(buyer, exists.order_id or ""), give)


def test_prices_rise_while_fifty_stores_place_amend_and_cancel(
    world: Any, desk: OrderDesk, transactions: Any, staff: Actor, engine: Any
) -> None:
    """Every statement may be late; stock adds up, nobody deadlocks, and no live line is above its limit in the end."""
    cycle = world.cycle()
    offers = [world.offer(cycle, available=60, price=1_000) for _ in range(6)]
    world.run("UPDATE offers SET available = NULL, remaining = NULL, case_size = 10 WHERE id = :id", id=offers[0])
    buyers = [world.buyer() for _ in range(STORES)]

    def rise(step: int) -> int:
        prices = dict.fromkeys(random.Random(step).sample(offers, 3), 1000 + 100 * step)
        return raise_price(transactions, cycle, prices, staff)

    with late_statements(engine, 7), capture_logs() as logs, ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(live_through, desk, cycle, offers, who, seed) for seed, who in enumerate(buyers)]
        rises = [pool.submit(rise, step) for step in range(1, 9)]
        for call in [*calls, *rises]:
            call.result(timeout=120)
    assert [log for log in logs if log["event"] == "transaction_repeated"] == []
    above = world.rows(
        "SELECT l.offer_id FROM order_lines l JOIN orders o ON o.id = l.order_id AND o.state = 'placed'"
        " WHERE l.quantity > 0 AND l.unit_price_cents > l.max_unit_price_cents"
    )
    assert above == []
    live = world.value(
        "SELECT coalesce(sum(l.quantity), 0) FROM order_lines l JOIN orders o ON o.id = l.order_id"
        " AND o.state <> 'cancelled' WHERE l.offer_id = :id",
        id=offers[0],
    )
    told = [one for event in world.events("orders.offers.changed.v1") for one in event["offers"]]
    assert [one["ordered"] for one in told if one["offer_id"] == offers[0]][-1] == live


def test_orders_that_change_hands_between_being_seen_and_locked_are_begun_anew(
    world: Any, desk: OrderDesk, transactions: Any
) -> None:
    """Two who change one order without a version, over and over, each taking other offers than the other saw."""
    cycle = world.cycle()
    offers = [world.offer(cycle, available=1_000) for _ in range(6)]
    buyer, store = world.buyer()
    order = desk.place(PlaceOrder(buyer, cycle, store, (LineRequest(offers[0], 1),)), give).body

    def change(seed: int) -> int:
        mine, done = random.Random(seed), 0
        for _ in range(15):
            lines = tuple(LineRequest(one, mine.randint(1, 9)) for one in mine.sample(offers, 2))
            done += desk.amend(AmendOrder(buyer, order, None, lines), give).status == 201
        return done

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(change, range(2))) == [15] * 2
    assert world.broken_offers() == []

"""Many stores' standing orders when a day opens: whose turn it is, short stock, several clocks at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from orders.application import clock, standing_placement
from orders.application.commands import Answer, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.domain import errors
from orders.domain.order import LineRequest
from orders.domain.people import Actor
from tests.integration.lateness import late_statements
from tests.integration.test_ordering import shop
from tests.integration.test_standing_orders import next_day, product

__all__ = ["next_day", "shop"]


def many(world: Any, shop: Any, count: int, wanted: int) -> list[tuple[Actor, str]]:
    """Give stores a standing order directly; the shop's own day is over."""
    world.run("UPDATE cycles SET state = 'done'")
    made = [world.buyer() for _ in range(count)]
    world.run(
        "INSERT INTO standing_orders (id, store_id, saved_by) SELECT gen_random_uuid(), store_id, person_id"
        " FROM store_people WHERE store_id <> CAST(:mine AS uuid)",
        mine=shop.store,
    )
    world.run(
        "INSERT INTO standing_order_lines (standing_order_id, position, product_id, quantity)"
        " SELECT s.id, 0, CAST(:product AS uuid), :wanted FROM standing_orders s",
        product=product(world, shop.limited),
        wanted=wanted,
    )
    return made


def test_who_comes_first_is_drawn_anew_each_day_and_the_same_for_whoever_looks(
    world: Any, shop: Any, transactions: Any, next_day: Any
) -> None:
    many(world, shop, 12, 1)
    days = [next_day()["cycle"] for _ in range(3)]
    world.run("UPDATE cycles SET state = 'open' WHERE state = 'scheduled'")
    due = transactions.run(lambda work: work.standing.due(100))
    orders = [[store for cycle, store in due if cycle == day] for day in days]
    assert [len(one) for one in orders] == [12] * 3
    assert len({tuple(one) for one in orders}) == 3
    assert transactions.run(lambda work: work.standing.due(100)) == due


def test_one_stores_that_fails_keeps_no_other_waiting_and_is_told(
    world: Any, shop: Any, transactions: Any, next_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(world, shop, 4, 1)
    next_day()
    transactions.run(clock.open_due)
    (_, unlucky), *_others = transactions.run(lambda work: work.standing.due(10))
    place_one = standing_placement.place_one

    def stumble(work: Any, cycle_id: str, store_id: str) -> bool:
        if store_id == unlucky:
            raise ZeroDivisionError
        return place_one(work, cycle_id, store_id)

    monkeypatch.setattr(standing_placement, "place_one", stumble)
    with pytest.raises(ZeroDivisionError):
        standing_placement.place_due(transactions)
    assert world.value("SELECT count(*) FROM standing_order_runs") == 3
    monkeypatch.undo()
    assert standing_placement.place_due(transactions) == 1


def test_more_than_a_batch_takes_more_looks_and_short_stock_goes_round_as_far_as_it_lasts(
    world: Any, shop: Any, transactions: Any, next_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_placement, "BATCH", 4)
    many(world, shop, 10, 3)
    next_day()
    transactions.run(clock.open_due)
    assert [standing_placement.place_due(transactions) for _ in range(4)] == [4, 4, 2, 0]
    outcomes = [row.outcome for row in world.rows("SELECT outcome FROM standing_order_runs ORDER BY at")]
    assert outcomes == ["placed"] * 4 + ["nothing_left"] * 6
    quantities = [
        row.quantity
        for row in world.rows(
            "SELECT l.quantity FROM order_lines l JOIN orders o ON o.id = l.order_id ORDER BY o.number"
        )
    ]
    assert quantities == [3, 3, 3, 1]


def test_clocks_and_fifty_buyers_at_once_place_each_store_once(
    world: Any, shop: Any, transactions: Any, next_day: Any, engine: Any
) -> None:
    """Statements may be late, two workers run, buyers order by hand meanwhile: one order a store, stock adds up."""
    buyers = many(world, shop, 50, 1)
    world.run("UPDATE offers SET available = 30, remaining = 30 WHERE available IS NOT NULL")
    day = next_day()
    offer = day[product(world, shop.limited)]
    desk = OrderDesk(transactions)

    def by_hand(buyer: Actor, store: str) -> None:
        try:
            desk.place(PlaceOrder(buyer, day["cycle"], store, (LineRequest(offer, 2),)), lambda _: Answer(201, ""))
        except (errors.OrderExists, errors.SoldOut, errors.CycleClosed):
            return

    transactions.run(clock.open_due)
    with late_statements(engine, 3), capture_logs() as logs, ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(by_hand, buyer, store) for buyer, store in buyers[:25]]
        clocks = [pool.submit(clock.advance, transactions) for _ in range(3)]
        for call in [*calls, *clocks]:
            call.result(timeout=120)
    assert [log for log in logs if log["event"] == "transaction_repeated"] == []
    while clock.advance(transactions):
        pass
    assert world.broken_offers() == []
    assert world.remaining(offer) == 0
    assert world.value("SELECT count(*) FROM standing_order_runs WHERE outcome <> 'saved_later'") == 50
    assert world.value("SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY store_id) AS each") == 1

"""Many stores' standing orders when a day opens: whose turn it is, short stock, several clocks at once."""

from collections.abc import Callable, Mapping
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


@pytest.fixture
def due(world: Any, shop: Any, transactions: Any, next_day: Any) -> list[str]:
    """Stores whose standing order is due, in the order of their turns."""
    many(world, shop, 8, 1)
    next_day()
    transactions.run(clock.open_due)
    return [store for _, store in transactions.run(lambda work: work.standing.due(10))]


@pytest.fixture
def stumble(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Exception]], None]:
    """Have placing fail for some stores."""
    place_one = standing_placement.place_one

    def make(unlucky: Mapping[str, Exception]) -> None:
        def place(work: Any, cycle_id: str, store_id: str) -> bool:
            if store_id in unlucky:
                raise unlucky[store_id]
            return place_one(work, cycle_id, store_id)

        monkeypatch.setattr(standing_placement, "place_one", place)

    return make


def dealt_with(world: Any) -> set[str]:
    return {str(row.store_id) for row in world.rows("SELECT store_id FROM standing_order_runs")}


def test_stores_that_fail_keep_no_other_waiting_however_many_and_are_named(
    world: Any, due: list[str], transactions: Any, stumble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_placement, "BATCH", 2)
    unlucky = due[:5]
    stumble({store: ZeroDivisionError() for store in unlucky})
    for expected in (due[5:7], due[5:], due[5:]):
        with pytest.raises(ZeroDivisionError) as told:
            standing_placement.place_due(transactions)
        assert dealt_with(world) == set(expected)
        assert [store for store in unlucky if any(store in note for note in told.value.__notes__)] == unlucky
    monkeypatch.undo()
    assert standing_placement.place_due(transactions) == 5


def test_one_look_passes_over_so_many_and_no_more(
    world: Any, due: list[str], transactions: Any, stumble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_placement, "MOST_PASSED_OVER", 4)
    stumble({store: ZeroDivisionError() for store in due[:4]})
    with pytest.raises(ZeroDivisionError):
        standing_placement.place_due(transactions)
    assert dealt_with(world) == set()


def test_rows_that_somebody_holds_keep_only_their_own_store_waiting(
    world: Any, due: list[str], transactions: Any, stumble: Any
) -> None:
    held = errors.Unavailable("lock", not_processed=True)
    stumble({due[0]: held, due[4]: held})
    with pytest.raises(errors.Unavailable):
        standing_placement.place_due(transactions)
    assert dealt_with(world) == set(due) - {due[0], due[4]}
    stumble({due[0]: held, due[4]: ZeroDivisionError()})
    with pytest.raises(ZeroDivisionError):
        standing_placement.place_due(transactions)


def test_a_database_without_time_ends_the_look_and_hides_no_failure(
    world: Any, due: list[str], transactions: Any, stumble: Any
) -> None:
    away = errors.Unavailable("away", not_processed=True)
    stumble({due[1]: away, due[2]: away})
    with pytest.raises(errors.Unavailable):
        standing_placement.place_due(transactions)
    assert dealt_with(world) == {due[0]}
    stumble({due[1]: ZeroDivisionError(), due[2]: away, due[3]: away})
    with pytest.raises(ZeroDivisionError):
        standing_placement.place_due(transactions)


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

"""Looking through orders: staff by store, number, day and state; buyers by store and day."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role


@pytest.fixture
def office(world: Any, signed_in: Callable[..., Any]) -> Any:
    """Staff looking at two stores with 40 orders each on two days, one of them cancelled."""
    days = [world.cycle(state="done"), world.cycle(state="closed")]
    for name in ("Panadería Ángel", "Corner 100%"):
        store = world.store(name)
        for day in days:
            world.run(
                "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents) SELECT gen_random_uuid(),"
                " CAST(:day AS uuid), CAST(:store AS uuid), 'cancelled', 1, 100 FROM generate_series(1, 19)",
                day=day,
                store=store,
            )
            world.run(
                "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents) VALUES"
                " (CAST(:id AS uuid), CAST(:day AS uuid), CAST(:store AS uuid), 'delivered', 1, 100)",
                id=str(uuid4()),
                day=day,
                store=store,
            )
    return signed_in(world.person(Role.STAFF))


def cards(page: Any) -> int:
    assert page.status == 200, page.words
    found: int = page.html.count('class="card"')
    return found


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("q=panaderia", 30),
        ("q=ANGEL+pan", 30),
        ("q=100%25", 30),
        ("q=%25", 30),
        ("q=nowhere", 0),
        ("q=angel&state=delivered", 2),
        ("q=%00", 30),
        ("q=%ed%a0%80", 0),
        ("state=delivered", 4),
        ("state=nonsense", 30),
        ("cycle=nonsense", 30),
    ],
)
def test_staff_find_orders_by_store_and_state(office: Any, query: str, number: int) -> None:
    assert cards(office.get(f"/orders?{query}")) == number


def test_staff_find_an_order_by_its_number(office: Any, world: Any) -> None:
    wanted = world.value("SELECT min(number) FROM orders")
    page = office.get(f"/orders?q=%23{wanted}")
    assert cards(page) == 1
    assert f"Order {wanted} " in page.words
    assert cards(office.get("/orders?q=999999999999999")) == 0


def test_a_market_day_is_chosen_and_kept_on_the_next_page(office: Any, world: Any) -> None:
    day = str(world.value("SELECT id FROM cycles WHERE state = 'closed'"))
    page = office.get(f"/orders?cycle={day}")
    [older] = page.read.having("a", class_="quiet")
    assert cards(page) + cards(office.get(older["href"])) == 40
    [option] = [given for given in page.read.having("option") if "selected" in given]
    assert option["value"] == day


def test_a_buyer_of_several_stores_sifts_by_store_and_sees_no_others(
    world: Any, office: Any, signed_in: Callable[..., Any]
) -> None:
    own = str(world.value("SELECT id FROM stores WHERE name LIKE 'Pan%'"))
    foreign = str(world.value("SELECT id FROM stores WHERE name LIKE 'Corner%'"))
    browser = signed_in(world.person(stores=[own, world.store("Second")]))
    assert cards(browser.get(f"/orders?store={own}")) == 30
    page = browser.get(f"/orders?store={foreign}")
    assert cards(page) == 0
    assert "No order fits that." in page.words


def test_a_market_day_nobody_of_mine_ordered_on_is_not_listed(
    world: Any, office: Any, signed_in: Callable[..., Any]
) -> None:
    stranger = signed_in(world.buyer()[0])
    assert "No orders yet" in stranger.get("/orders").words
    assert not stranger.get("/orders").read.having("option")

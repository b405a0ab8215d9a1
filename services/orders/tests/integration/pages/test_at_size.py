"""Lists that have to stay small and quick however much there is."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from orders.adapters.reads import MAX_BOARD_OFFERS
from orders.domain.people import Actor, Role
from orders.entrypoints.pages.board import SHOWN_ORDERS

MORE = 20


@pytest.fixture
def busy_day(world: Any) -> str:
    """A market day with more offers and orders than the board shows; the last offer is nearly sold out."""
    cycle = str(world.cycle())
    world.run(
        "INSERT INTO products (id, name, name_es, category, pack) SELECT gen_random_uuid(), 'Product ' || n,"
        " 'Producto ' || n, 'fruit', '10 lb bags' FROM generate_series(1, :count) n",
        count=MAX_BOARD_OFFERS + MORE,
    )
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining) SELECT"
        " gen_random_uuid(), CAST(:cycle AS uuid), id, 100, 1000, 1000 FROM products",
        cycle=cycle,
    )
    world.run(
        "INSERT INTO stores (id, name) SELECT gen_random_uuid(), 'Store ' || n FROM generate_series(1, :count) n",
        count=SHOWN_ORDERS + MORE,
    )
    world.run(
        "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents) SELECT gen_random_uuid(),"
        " CAST(:cycle AS uuid), id, 'placed', 1, 100 FROM stores",
        cycle=cycle,
    )
    _order_all_but_one_of(world, "Product 117")
    return cycle


def _order_all_but_one_of(world: Any, product: str) -> None:
    world.run(
        "INSERT INTO order_lines (order_id, position, offer_id, name, name_es, pack, quantity, unit_price_cents)"
        " SELECT (SELECT id FROM orders LIMIT 1), 0, f.id, p.name, p.name_es, p.pack, 999, 100"
        " FROM offers f JOIN products p ON p.id = f.product_id WHERE p.name = :product",
        product=product,
    )
    world.run(
        "UPDATE offers SET remaining = 1 WHERE product_id = (SELECT id FROM products WHERE name = :product)",
        product=product,
    )


def test_the_board_shows_what_is_nearest_to_selling_out_and_says_how_much_more_there_is(
    world: Any, busy_day: str, signed_in: Callable[..., Any]
) -> None:
    board = signed_in(world.person(Role.STAFF)).get("/staff/board")
    needs = board.html.split('data-region="needs"')[1].split("</section>")[0]
    assert needs.count("<li>") == MAX_BOARD_OFFERS
    assert needs.index("Product 117") == needs.index("Product ")
    assert f"{MORE} more products have more left." in board.words


def test_the_board_lists_the_latest_orders_and_counts_all(
    world: Any, busy_day: str, signed_in: Callable[..., Any]
) -> None:
    board = signed_in(world.person(Role.STAFF)).get("/staff/board")
    every = SHOWN_ORDERS + MORE
    assert board.html.count("data-order=") == SHOWN_ORDERS
    assert f"All {every} orders" in board.words
    assert f"<dd>{every}</dd>" in board.html
    assert f"${every}.00" in board.words


def test_a_small_board_says_nothing_of_more(world: Any, market: Any, signed_in: Callable[..., Any]) -> None:
    board = signed_in(world.person(Role.STAFF)).get("/staff/board")
    assert "more left" not in board.words
    assert not re.search(r">All \d", board.html)


@pytest.fixture
def family(world: Any) -> Actor:
    """A buyer with two stores that ordered by turns on five days, beside somebody else's orders."""
    mine = [world.store(), world.store()]
    for turn in range(5):
        cycle = world.cycle(state="done")
        for store in (mine[turn % 2], world.store()):
            world.run(
                "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents)"
                " VALUES (gen_random_uuid(), CAST(:cycle AS uuid), CAST(:store AS uuid), 'delivered', 1, 0)",
                cycle=cycle,
                store=store,
            )
    made: Actor = world.person(stores=mine)
    return made


def test_orders_of_several_stores_are_one_list_newest_first_page_by_page(
    world: Any, sign_in: Any, family: Actor
) -> None:
    api = sign_in(family)
    mine = [
        row.number
        for row in world.rows(
            "SELECT number FROM orders WHERE store_id = ANY(CAST(:ids AS uuid[])) ORDER BY number DESC",
            ids=sorted(family.store_ids),
        )
    ]
    seen, path = [], "/orders?limit=2"
    while path:
        page = api.call("GET", path.removeprefix("/api/v1")).json
        seen += [order["number"] for order in page["items"]]
        path = page["next"]
    assert seen == mine
    assert len(mine) == 5


def test_the_filters_of_the_list_hold_for_a_buyer_too(world: Any, sign_in: Any, family: Actor) -> None:
    api = sign_in(family)
    [store, other] = sorted(family.store_ids)
    of_store = api.call("GET", f"/orders?store_id={store}").json["items"]
    assert {order["store_id"] for order in of_store} == {store}
    assert len(of_store) + len(api.call("GET", f"/orders?store_id={other}").json["items"]) == 5
    foreign = world.value(
        "SELECT store_id FROM orders WHERE NOT store_id = ANY(CAST(:ids AS uuid[])) LIMIT 1", ids=[store, other]
    )
    assert api.call("GET", f"/orders?store_id={foreign}").json["items"] == []
    assert api.call("GET", "/orders?updated_since=2100-01-01T00:00:00Z").json["items"] == []

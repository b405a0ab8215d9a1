"""An older order put into the form again: what can be had now is filled in, the rest is said."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def earlier(world: Any, market: Any) -> str:
    """An order of an earlier day for 5 apples, 4 limes, 2 rice and some pears; returns its id."""
    pears = world.offer(market.cycle, name="Pears", available=None)
    typed = {market.apples: "5", market.limes: "3", market.rice: "2", pears: "6"}
    market.browser.order(market.browser.get("/order"), typed)
    day = world.cycle(state="done", opens_in_s=-90_000, cutoff_in_s=-80_000)
    world.run("UPDATE offers SET remaining = available")
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents) SELECT gen_random_uuid(), CAST(:day AS uuid),"
        " product_id, 900 FROM offers",
        day=day,
    )
    world.run(
        "UPDATE order_lines l SET offer_id = past.id FROM offers now JOIN offers past ON past.product_id ="
        " now.product_id AND past.cycle_id = CAST(:day AS uuid) WHERE l.offer_id = now.id",
        day=day,
    )
    world.run("UPDATE orders SET cycle_id = CAST(:day AS uuid), state = 'delivered'", day=day)
    world.run("DELETE FROM offers WHERE id = CAST(:id AS uuid)", id=pears)
    return str(world.value("SELECT id FROM orders"))


def quantities(page: Any) -> dict[str, str]:
    fields = page.form("/orders").fields
    return {name.removeprefix("quantity-"): text for name, text in fields.items() if "quantity-" in name and text}


def test_one_click_fills_the_form_and_places_nothing(world: Any, market: Any, earlier: str) -> None:
    page = market.browser.get("/order")
    assert "Copy my last order" in page.words
    page = market.browser.get(f"/order?store={market.store}&fill=last")
    assert quantities(page) == {market.apples: "5", market.limes: "3", market.rice: "2"}
    assert "Nothing is saved yet" in page.words
    assert "Pears is not offered this time." in page.words
    assert world.value("SELECT count(*) FROM orders") == 1
    assert "Your order is in." in market.browser.order(page, {}).words


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("available = 2, remaining = 2", ("2", "Apples: 2 instead of 5, that is all that is left.")),
        ("available = 0, remaining = 0", (None, "Apples is sold out.")),
        ("max_per_store = 4", ("4", "Apples: 4 instead of 5, the most for each store.")),
        ("cutoff_at = clock_timestamp()", (None, "Apples can not be ordered any more for this day.")),
    ],
)
def test_what_can_not_be_filled_in_whole_is_said_with_the_reason(
    world: Any, market: Any, earlier: str, change: str, said: tuple[str | None, str]
) -> None:
    filled, words = said
    world.run(f"UPDATE offers SET {change} WHERE id = CAST(:id AS uuid)", id=market.apples)
    page = market.browser.get("/order?fill=last")
    assert quantities(page).get(market.apples) == filled
    assert words in page.words


def test_what_was_typed_stays_and_the_rest_is_filled_in(market: Any, earlier: str) -> None:
    form = market.browser.get("/order").form("/orders")
    page = market.browser.post("/order/view", {**form.fields, f"quantity-{market.apples}": "1", "fill": "last"})
    assert quantities(page) == {market.apples: "1", market.limes: "3", market.rice: "2"}


def test_an_older_order_is_ordered_again_from_the_list_and_from_its_page(market: Any, earlier: str) -> None:
    for path in ("/orders", f"/orders/{earlier}"):
        [link] = [link for link in market.browser.get(path).read.having("a") if "fill=" in link.get("href", "")]
        assert quantities(market.browser.get(link["href"]))[market.apples] == "5"


def test_copying_is_not_offered_where_there_is_nothing_to_copy_or_something_ordered(
    market: Any, earlier: str, world: Any, signed_in: Callable[..., Any]
) -> None:
    assert "Copy my last order" not in signed_in(world.buyer()[0]).get("/order").words
    market.browser.order(market.browser.get("/order"), {market.apples: "1"})
    assert "Copy my last order" not in market.browser.get("/order").words


def test_a_foreign_order_is_not_copied(market: Any, earlier: str, world: Any, signed_in: Callable[..., Any]) -> None:
    assert quantities(signed_in(world.buyer()[0]).get(f"/order?fill={earlier}")) == {}


def test_a_closed_market_shows_the_last_order_and_that_it_can_not_be_changed(
    market: Any, world: Any, signed_in: Callable[..., Any]
) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "1"})
    world.run("UPDATE cycles SET state = 'closed'")
    page = market.browser.get("/order")
    assert f"Order {world.value('SELECT number FROM orders')}" in page.words
    assert "can not be changed here any more" in page.words
    assert "The last order" not in signed_in(world.buyer()[0]).get("/order").words

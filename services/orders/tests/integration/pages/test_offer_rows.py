"""What a row of the order form tells of its offer: price, market, stock, case, its own cutoff, a limit of the buyer."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role

TODAY = date(2026, 1, 8)


def row(page: Any, offer: str) -> str:
    """Return the text of one row, as it is read aloud."""
    html = page.html.split(f'id="offer-{offer}"')[1].split("</li>")[0]
    return " ".join(type(page)(page.status, f"<li {html}", page.headers, page.path).read.text.split())


def history(world: Any, values: list[int]) -> str:
    series = str(uuid4())
    for index, value in enumerate(values):
        world.run(
            "INSERT INTO series_days (series_id, quoted_on, reference) VALUES (CAST(:series AS uuid), :on, :value)",
            series=series,
            on=TODAY - timedelta(days=len(values) - 1 - index),
            value=value,
        )
    return series


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([20, 20, 20, 20, 20, 20, 25], "up 25.0 % on last week"),
        ([20, 20, 20, 20, 20, 20, 19], "down 5.0 % on last week"),
        ([20, 20, 20, 20, 20, 20, 20], "as last week"),
    ],
)
def test_how_the_market_moved_in_a_week_is_said_and_drawn(
    world: Any, market: Any, values: list[int], words: str
) -> None:
    offer = world.offer(market.cycle, series_id=history(world, values))
    page = market.browser.get("/order")
    assert words in row(page, offer)
    assert len(page.read.having("svg", class_="spark")) == 1


def test_two_quotes_are_no_course(world: Any, market: Any) -> None:
    world.offer(market.cycle, series_id=history(world, [20, 21]))
    page = market.browser.get("/order")
    assert not page.read.having("svg", class_="spark")
    assert "on last week" not in page.words


@pytest.mark.parametrize(
    "case", [(0, "bought by the case of 12"), (9, "3 more for a full case"), (12, "the case is full")]
)
@pytest.mark.parametrize("available", [40, None])
def test_how_far_the_next_case_is_from_full(
    world: Any, market: Any, signed_in: Callable[..., Any], available: int | None, case: tuple[int, str]
) -> None:
    ordered, words = case
    offer = world.offer(market.cycle, available=available)
    world.run("UPDATE offers SET case_size = 12 WHERE id = CAST(:id AS uuid)", id=offer)
    if ordered:
        neighbour = signed_in(world.buyer()[0])
        neighbour.order(neighbour.get("/order"), {offer: str(ordered)})
    assert words in row(market.browser.get("/order"), offer)


def test_what_was_cancelled_fills_no_case(world: Any, market: Any) -> None:
    offer = world.offer(market.cycle, available=None)
    world.run("UPDATE offers SET case_size = 12 WHERE id = CAST(:id AS uuid)", id=offer)
    placed = market.browser.order(market.browser.get("/order"), {offer: "9"})
    market.browser.send(placed.form("/orders"))
    assert "bought by the case of 12" in row(market.browser.get("/order"), offer)


def test_an_offer_that_closes_earlier_says_when(world: Any, market: Any) -> None:
    world.run("UPDATE offers SET cutoff_at = '2099-01-08T22:00:00Z' WHERE id = CAST(:id AS uuid)", id=market.apples)
    page = market.browser.get("/order")
    assert "Closes earlier: Thu 2:00 PM PST" in row(page, market.apples).replace("\u00a0", " ")
    assert f"quantity-{market.apples}" in page.form("/orders").fields


def test_an_offer_that_has_closed_is_dimmed_says_so_and_can_not_be_chosen(world: Any, market: Any) -> None:
    world.run(
        "UPDATE offers SET cutoff_at = clock_timestamp() - interval '1 minute' WHERE id = CAST(:id AS uuid)",
        id=market.apples,
    )
    page = market.browser.get("/order")
    assert "Closed since" in row(page, market.apples)
    assert f"quantity-{market.apples}" not in page.form("/orders").fields
    [item] = page.read.having("li", data_offer=market.apples)
    assert "gone" in item["class"]


def test_what_is_ordered_of_a_closed_offer_stays_in_the_form(world: Any, market: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "2"})
    world.run("UPDATE offers SET cutoff_at = clock_timestamp() - interval '1 minute'")
    page = market.browser.get("/order")
    assert page.form("/orders").fields[f"quantity-{market.apples}"] == "2"
    [box] = page.read.having("input", id=f"quantity-{market.apples}")
    assert "readonly" in box


def test_a_line_whose_price_is_above_its_limit_is_left_out(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    after = market.browser.order(page, {market.apples: "2", market.limes: "1"}, **{f"max-{market.apples}": "33.99"})
    assert "2 short" in after.words
    assert "$12.50" in after.words


def test_a_limit_that_is_no_amount_is_marked_and_everything_is_kept(world: Any, market: Any) -> None:
    typed = {market.apples: "2"}
    again = market.browser.order(market.browser.get("/order"), typed, **{f"max-{market.apples}": "cheap"})
    assert again.status == 422
    assert "Write a price such as 12.50" in again.words
    fields = again.form("/orders").fields
    assert (fields[f"max-{market.apples}"], fields[f"quantity-{market.apples}"]) == ("cheap", "2")
    [box] = again.read.having("input", id=f"max-{market.apples}")
    assert box["aria-invalid"] == "true"
    assert world.value("SELECT count(*) FROM orders") == 0


def test_the_limit_of_a_saved_line_comes_back_in_its_field(world: Any, market: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "2"})
    world.run("UPDATE order_lines SET max_unit_price_cents = 3550")
    page = market.browser.get("/order")
    assert page.form("/orders").fields[f"max-{market.apples}"] == "35.50"
    assert [details for details in page.read.having("details", id="limits") if "open" in details]


def test_limits_are_listed_for_what_was_chosen_without_scripts(market: Any) -> None:
    form = market.browser.get("/order").form("/orders")
    assert not [name for name in form.fields if name.startswith("max-")]
    page = market.browser.post("/order/view", {**form.fields, f"quantity-{market.apples}": "2", "limits": "1"})
    assert f"max-{market.apples}" in page.form("/orders").fields


def test_staff_are_told_for_whom_they_order_and_a_buyer_of_one_store_needs_no_telling(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    staff = signed_in(world.person(Role.STAFF))
    assert "You are ordering for Store" in staff.get(f"/order?store={market.store}").words
    assert "You are ordering for" not in market.browser.get("/order").words

"""The standing order's page: found, added, limited, paused, given up; nothing typed is ever lost."""

from collections.abc import Callable
from typing import Any

import pytest

from orders.application import clock
from orders.domain.people import Role

PATH = "/standing-order"


def _product(world: Any, offer: str) -> str:
    return str(world.value("SELECT product_id FROM offers WHERE id = CAST(:id AS uuid)", id=offer))


@pytest.fixture
def apples(world: Any, market: Any) -> str:
    return _product(world, market.apples)


@pytest.fixture
def with_apples(market: Any, apples: str) -> Any:
    return market.browser.send(market.browser.get(PATH).form(PATH), q="apple", do=f"add:{apples}")


def test_an_empty_one_says_how_to_begin(market: Any) -> None:
    page = market.browser.get(PATH)
    assert (page.status, "No standing order yet" in page.words) == (200, True)


@pytest.mark.parametrize("words", ["apple", "APPLES español", "carton apples"])
def test_products_are_found_by_words_in_either_language_without_accents(market: Any, apples: str, words: str) -> None:
    found = market.browser.send(market.browser.get(PATH).form(PATH), q=words, do="search")
    assert found.read.having("button", value=f"add:{apples}")
    plain = market.browser.send(market.browser.get(PATH).form(PATH), q="espanol rice", do="search")
    assert "Rice" in plain.words
    assert not plain.read.having("button", value=f"add:{apples}")


def test_enter_in_the_search_searches_and_elsewhere_saves(
    world: Any, market: Any, with_apples: Any, apples: str
) -> None:
    searched = market.browser.send(with_apples.form(PATH), q="rice", **{f"quantity-{apples}": "7"}, do="enter")
    assert searched.form(PATH).fields[f"quantity-{apples}"] == "7"
    assert world.value("SELECT quantity FROM standing_order_lines") == 1
    saved = market.browser.send(searched.form(PATH), do="enter")
    assert "Your standing order is saved." in saved.words
    assert world.value("SELECT quantity FROM standing_order_lines") == 7


def test_what_is_added_and_typed_is_saved_together(world: Any, market: Any, with_apples: Any, apples: str) -> None:
    assert "Added to your standing order." in with_apples.words
    rice = _product(world, market.rice)
    page = market.browser.send(
        with_apples.form(PATH), **{f"quantity-{apples}": "4", f"limit-{apples}": "$35.50"}, do=f"add:{rice}"
    )
    rows = world.rows("SELECT quantity, max_unit_price_cents FROM standing_order_lines ORDER BY position")
    assert [(row.quantity, row.max_unit_price_cents) for row in rows] == [(4, 3_550), (1, None)]
    assert page.form(PATH).fields[f"limit-{apples}"] == "35.50"
    page = market.browser.send(page.form(PATH), do=f"remove:{rice}")
    assert "Taken out of your standing order." in page.words
    page = market.browser.send(page.form(PATH), **{f"quantity-{apples}": "0"}, do="save")
    assert "The standing order is gone." in page.words
    assert world.value("SELECT count(*) FROM standing_orders") == 0


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "10001", "9" * 30, "\uff11", "<b>"])
def test_a_quantity_that_is_none_is_named_beside_its_field_and_kept(
    world: Any, market: Any, with_apples: Any, apples: str, text: str
) -> None:
    again = market.browser.send(with_apples.form(PATH), **{f"quantity-{apples}": text}, note="Hola", do="save")
    assert (again.status, "Write a whole number from 0 to 10,000." in again.words) == (422, True)
    assert again.form(PATH).fields[f"quantity-{apples}"] == text[:20]
    assert again.form(PATH).fields["note"] == "Hola"
    assert again.read.having("input", name=f"quantity-{apples}", aria_invalid="true")
    assert world.value("SELECT version FROM standing_orders") == 1


@pytest.mark.parametrize("text", ["x", "-1", "1.555", "$", ".", "99999999999", "$$1", "1$2", "1e9"])
def test_a_limit_that_is_no_amount_is_named_beside_its_field(
    market: Any, with_apples: Any, apples: str, text: str
) -> None:
    again = market.browser.send(with_apples.form(PATH), **{f"limit-{apples}": text}, do="save")
    assert (again.status, "Write dollars, such as 12.50." in again.words) == (422, True)
    assert again.form(PATH).fields[f"limit-{apples}"] == text


def test_a_note_that_is_too_long_is_named_and_kept(market: Any, with_apples: Any) -> None:
    again = market.browser.send(with_apples.form(PATH), note="x" * 1_001, do="save")
    assert (again.status, "The note is too long" in again.words) == (422, True)
    assert again.form(PATH).fields["note"] == "x" * 1_001


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(market: Any, with_apples: Any, apples: str) -> None:
    form = with_apples.form(PATH)
    market.browser.send(form, **{f"quantity-{apples}": "3"}, do="save")
    again = market.browser.send(form, **{f"quantity-{apples}": "9"}, do="save")
    assert (again.status, "changed somewhere else" in again.words) == (412, True)
    assert again.form(PATH).fields[f"quantity-{apples}"] == "9"
    assert "is saved" in market.browser.send(again.form(PATH), do="save").words


def test_it_can_be_paused_and_gone_on_with_and_given_up(world: Any, market: Any, with_apples: Any) -> None:
    paused = market.browser.send(with_apples.form(f"{PATH}/pause"), active="no")
    assert "Your standing order is paused." in paused.words
    assert not world.value("SELECT active FROM standing_orders")
    on = market.browser.send(paused.form(f"{PATH}/pause"), active="yes")
    assert "Your standing order goes on." in on.words
    stale = market.browser.send(with_apples.form(f"{PATH}/remove"))
    assert stale.status == 412
    assert "The standing order is gone." in market.browser.send(on.form(f"{PATH}/remove")).words


def test_an_order_is_made_the_standing_order_with_what_was_asked_for(world: Any, market: Any) -> None:
    page = market.browser.order(
        market.browser.get("/order"), {market.limes: "5", market.rice: "2"}, on_shortage="partial"
    )
    page = market.browser.send(page.form(f"{PATH}/from-order"))
    assert "This is your standing order now." in page.words
    rows = world.rows("SELECT quantity FROM standing_order_lines ORDER BY quantity")
    assert [row.quantity for row in rows] == [2, 5]
    assert (
        "Replace the standing order with this one"
        in market.browser.get("/orders/" + str(world.value("SELECT id FROM orders"))).words
    )


def test_what_became_of_it_is_told_with_each_drop(
    world: Any, market: Any, with_apples: Any, transactions: Any, apples: str
) -> None:
    market.browser.send(with_apples.form(PATH), **{f"quantity-{apples}": "5", f"limit-{apples}": "10"}, do="save")
    world.run("UPDATE cycles SET state = 'done'")
    day = world.cycle(state="scheduled", opens_in_s=-1, cutoff_in_s=9_000)
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents) SELECT gen_random_uuid(), CAST(:day AS uuid),"
        " product_id, unit_price_cents FROM offers",
        day=day,
    )
    clock.advance(transactions)
    page = market.browser.get(PATH).words
    assert "Nothing was ordered: of all this, nothing could be had." in page
    assert "Apples: left out, because $34.00 is above the limit of $10.00" in page
    world.run("UPDATE people SET locale = 'es'")
    assert "pasa del límite de $10.00" in market.browser.get(PATH).words


def test_an_order_from_it_says_so_in_its_history(world: Any, market: Any, with_apples: Any, transactions: Any) -> None:
    world.run("DELETE FROM standing_order_runs")
    clock.advance(transactions)
    page = market.browser.get("/orders/" + str(world.value("SELECT id FROM orders"))).words
    assert "Ordered from the standing order (by" in page


def test_a_foreign_store_is_not_there(world: Any, market: Any, signed_in: Callable[..., Any], with_apples: Any) -> None:
    stranger = signed_in(world.buyer()[0])
    form = with_apples.form(PATH)
    token = stranger.get("/orders").form("/sign-out").fields["csrf_token"]
    assert stranger.get(f"{PATH}?store={market.store}").status == 404
    for path in (PATH, f"{PATH}/pause", f"{PATH}/remove"):
        assert stranger.post(path, {**form.fields, "csrf_token": token, "do": "save"}).status == 404
    order = market.browser.order(market.browser.get("/order"), {market.apples: "2"}).path.split("?")[0].split("/")[2]
    assert stranger.post(f"{PATH}/from-order", {"csrf_token": token, "order_id": order}).status == 404
    assert stranger.post(f"{PATH}/from-order", {"csrf_token": token, "order_id": "x' OR 1=1"}).status == 404
    assert stranger.get(f"{PATH}?store=nonsense%00").status == 404


def test_staff_choose_a_store_and_keep_its_standing_order(
    world: Any, market: Any, signed_in: Callable[..., Any], apples: str
) -> None:
    world.store("Another")
    staff = signed_in(world.person(Role.STAFF))
    chosen = staff.get(PATH)
    assert chosen.read.having("a", href=f"{PATH}?store={market.store}")
    page = staff.get(f"{PATH}?store={market.store}&q=apples")
    assert "Added" in staff.send(page.form(PATH), do=f"add:{apples}").words


def test_hostile_forms_break_nothing(market: Any, with_apples: Any) -> None:
    form = with_apples.form(PATH)
    for fields in (
        {"do": "add:x' OR 1=1 --"},
        {"do": "remove:\x00"},
        {"do": "x" * 100_000},
        {"q": "\x00" + "%_" * 5_000, "do": "search"},
        {"version": "9" * 50, "do": "save"},
        {"version": "x", "do": "save"},
        {"quantity-": "1", "quantity-x": "1", "do": "save"},
        {f"quantity-{'0' * 36}": "1", "do": "save"},
    ):
        assert market.browser.post(PATH, {**form.fields, **fields}).status in (200, 412, 422), fields


def test_a_product_that_is_not_sold_any_more_is_marked(world: Any, market: Any, with_apples: Any) -> None:
    world.run("UPDATE products SET active = false")
    assert "Not on our list right now; it is skipped." in market.browser.get(PATH).words

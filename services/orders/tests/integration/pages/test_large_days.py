"""A market day of thousands of offers: never more than 200 on a page, and nothing typed is lost on the way through."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import event

from orders.application.shop import OFFERS_AT_ONCE
from orders.domain.people import Role

MOST_STATEMENTS = 10


@contextmanager
def statements(container: Any) -> Iterator[list[str]]:
    """Count what the app's own engine is asked."""
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = container.shop._engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", count)


@pytest.fixture
def crowd(world: Any, market: Any) -> Any:
    """The market of the other tests with 3,000 offers more in three categories, and 500 stores."""
    world.run(
        "INSERT INTO stores (id, name) SELECT gen_random_uuid(), 'Abarrotes ' || n FROM generate_series(1, 500) n"
    )
    world.run(
        "WITH p AS (INSERT INTO products (id, name, name_es, category, pack) SELECT gen_random_uuid(), 'Bulk ' ||"
        " lpad(n::text, 4, '0'), 'Jalapeño ' || n, (ARRAY['berries', 'citrus', 'herbs'])[1 + n % 3], '25 lb sacks'"
        " FROM generate_series(1, 3000) n RETURNING id)"
        " INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining)"
        " SELECT gen_random_uuid(), CAST(:cycle AS uuid), id, 900, 5, 5 FROM p",
        cycle=market.cycle,
    )
    return market


def offers_on(page: Any) -> list[str]:
    classes = ((given, given.get("class", "").split()) for tag, given in page.read.elements if tag == "li")
    return [given["data-offer"] for given, names in classes if "offer" in names]


def press(browser: Any, drawn: Any, quantities: dict[str, str], **button: str) -> Any:
    """Type and press a button of the form that leads to other shelves, as a browser without scripts does."""
    form = drawn.form("/orders")
    typed = {f"quantity-{offer}": text for offer, text in quantities.items()}
    return browser.post("/order/view", {**form.fields, **typed, **button})


def box(page: Any, offer: str) -> str | None:
    found: str | None = page.form("/orders").fields.get(f"quantity-{offer}")
    return found


def in_categories(world: Any, market: Any) -> dict[str, str]:
    rows = world.rows(
        "SELECT DISTINCT ON (p.category) p.category, o.id FROM offers o JOIN products p ON p.id = o.product_id"
        " WHERE o.cycle_id = CAST(:cycle AS uuid) ORDER BY p.category, p.name",
        cycle=market.cycle,
    )
    return {row.category: str(row.id) for row in rows}


@pytest.mark.parametrize(
    "query",
    ["", "?category=citrus", "?q=jalapeno", "?page=9", "?category=herbs&page=5", "?q=nothing+like+it", "?fill=last"],
)
def test_a_page_of_a_large_day_is_bounded_and_asks_ten_things_at_most(
    crowd: Any, container: Any, world: Any, query: str
) -> None:
    world.run("UPDATE sessions SET used_at = used_at - interval '1 hour'")
    with statements(container) as asked:
        page = crowd.browser.get(f"/order{query}")
    assert page.status == 200
    assert len(offers_on(page)) <= OFFERS_AT_ONCE
    assert len(asked) <= MOST_STATEMENTS


def test_a_small_day_is_one_page_without_categories(market: Any) -> None:
    page = market.browser.get("/order")
    assert set(offers_on(page)) == {market.apples, market.limes, market.rice}
    assert not page.read.having("button", name="category")
    assert not page.read.having("button", name="page")


def test_a_small_day_is_searched_by_the_server_too(market: Any) -> None:
    page = market.browser.get("/order?q=LIM")
    assert offers_on(page) == [market.limes]
    assert "1 product with “LIM”" in page.words
    assert "Show all products" in page.words


def test_categories_are_counted_and_all_pages_together_show_every_offer_once(crowd: Any) -> None:
    page = crowd.browser.get("/order")
    assert "Citrus 1,000" in page.words
    assert "Everything 3,003" in page.words
    shown = [offer for number in range(1, 17) for offer in offers_on(crowd.browser.get(f"/order?page={number}"))]
    assert len(shown) == len(set(shown)) == 3_003


def test_a_category_is_an_address(crowd: Any) -> None:
    page = crowd.browser.get("/order?category=citrus&page=2")
    assert len(offers_on(page)) == OFFERS_AT_ONCE
    assert "Products 201 to 400 of 1,000" in page.words
    [current] = page.read.having("button", aria_current="true")
    assert current["value"] == "citrus"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("bulk 0042", 1),
        ("JALAPENO 0042", 1),
        ("jalapeño 0042", 1),
        ("0042 bulk sacks", 1),
        ("mangosteen", 0),
        ("100%", 0),
    ],
)
def test_a_search_finds_every_word_in_either_language_whatever_accents_and_case(
    crowd: Any, words: str, found: int
) -> None:
    page = crowd.browser.get(f"/order?{urlencode({'q': words})}")
    assert len(offers_on(page)) == found


@pytest.mark.parametrize(
    "query",
    [
        "?page=0",
        "?page=99999999",
        "?page=-1",
        "?page=x",
        "?category=%00",
        "?q=%00%1b",
        "?q=%ed%a0%80",
        "?q=" + "a+" * 400,
        "?category=nothing",
        "?store=nonsense",
        "?fill=nonsense",
        "?q=<script>",
        "?q='; DROP TABLE offers; --",
    ],
)
def test_an_address_that_makes_no_sense_is_still_a_page(crowd: Any, query: str) -> None:
    page = crowd.browser.get(f"/order{query}")
    assert page.status == 200
    assert "<script>" not in page.html


def test_what_was_typed_survives_categories_searches_and_pages_without_scripts(world: Any, crowd: Any) -> None:
    browser, first = crowd.browser, in_categories(world, crowd)
    page = press(browser, browser.get("/order?category=berries"), {first["berries"]: "2"}, category="citrus")
    assert len(offers_on(page)) == OFFERS_AT_ONCE
    assert "Chosen from other shelves 1 product" in page.words
    page = press(browser, page, {first["citrus"]: "3"}, q="bulk 0003", find="1")
    page = press(browser, page, {}, category="herbs")
    page = press(browser, page, {}, page="2")
    assert "Products 201 to 400" in page.words
    assert (box(page, first["berries"]), box(page, first["citrus"])) == ("2", "3")
    after = browser.order(page, {}, note="By the door")
    assert "Your order is in." in after.words
    assert "$45.00" in after.words


def test_what_is_no_number_is_kept_from_shelf_to_shelf_too(world: Any, crowd: Any) -> None:
    first = in_categories(world, crowd)
    page = press(
        crowd.browser, crowd.browser.get("/order?category=berries"), {first["berries"]: "two"}, category="herbs"
    )
    assert box(page, first["berries"]) == "two"
    refused = crowd.browser.order(page, {})
    assert refused.status == 422
    assert "Write a whole number" in refused.words
    assert refused.form("/orders").fields["view_category"] == "herbs"


def test_a_product_from_another_shelf_can_be_taken_out(world: Any, crowd: Any) -> None:
    first = in_categories(world, crowd)
    page = press(crowd.browser, crowd.browser.get("/order?category=berries"), {first["berries"]: "2"}, category="herbs")
    [button] = page.read.having("button", name="remove")
    page = press(crowd.browser, page, {}, remove=button["value"])
    assert box(page, first["berries"]) is None
    assert page.form("/orders").fields["view_category"] == "herbs"


def test_the_own_order_is_whole_on_top_of_every_view_so_that_saving_loses_nothing(world: Any, crowd: Any) -> None:
    browser, first = crowd.browser, in_categories(world, crowd)
    page = press(browser, browser.get("/order?category=berries"), {first["berries"]: "2"}, category="citrus")
    browser.order(page, {first["citrus"]: "1"})
    page = browser.get("/order?category=herbs")
    assert (box(page, first["berries"]), box(page, first["citrus"])) == ("2", "1")
    assert "Your changes are saved." in browser.order(page, {first["herbs"]: "4"}).words
    assert world.value("SELECT count(*) FROM order_lines") == 3


def test_what_ran_short_on_another_shelf_is_said_where_it_can_be_changed(world: Any, crowd: Any) -> None:
    first = in_categories(world, crowd)
    page = press(crowd.browser, crowd.browser.get("/order?category=berries"), {first["berries"]: "9"}, category="herbs")
    refused = crowd.browser.order(page, {})
    assert (refused.status, "Only 5 left." in refused.words) == (409, True)
    assert "Your order is in." in crowd.browser.order(refused, {first["berries"]: "5"}).words


def test_the_shelves_alone_are_drawn_for_the_script(world: Any, crowd: Any) -> None:
    first = in_categories(world, crowd)
    form = crowd.browser.get("/order").form("/orders")
    answer = crowd.browser.post(
        "/order/shelves", {**form.fields, f"quantity-{first['berries']}": "2", "category": "herbs"}
    )
    assert answer.html.lstrip().startswith('<div id="shelves"')
    assert "category=herbs" in answer.read.having("div", id="shelves")[0]["data-address"]
    assert f'name="quantity-{first["berries"]}"' in answer.html


def test_turning_pages_changes_nothing_and_needs_the_pages_token(world: Any, crowd: Any) -> None:
    page = crowd.browser.get("/order")
    again = press(crowd.browser, page, {crowd.apples: "2"}, category="herbs", csrf_token="0" * 64)
    assert again.status == 403
    assert box(again, crowd.apples) == "2"
    assert world.value("SELECT count(*) FROM orders") == 0


def test_a_session_that_ended_between_shelves_keeps_what_was_typed(world: Any, crowd: Any) -> None:
    first = in_categories(world, crowd)
    page = press(
        crowd.browser, crowd.browser.get("/order?category=berries"), {first["berries"]: "2"}, category="citrus"
    )
    crowd.browser.client.delete_cookie("mercadito_session")
    asked = press(crowd.browser, page, {first["citrus"]: "1"}, category="herbs")
    assert asked.status == 401
    form = asked.form("/sign-in")
    kept = crowd.browser.send(form, email=world.emails[crowd.buyer.person_id], password="correct horse battery")
    assert (box(kept, first["berries"]), box(kept, first["citrus"])) == ("2", "1")


def test_a_foreign_store_can_not_be_looked_at_through_the_buttons(world: Any, crowd: Any) -> None:
    form = crowd.browser.get("/order").form("/orders")
    answer = crowd.browser.post("/order/view", {**form.fields, "store_id": world.store("Elsewhere")})
    assert answer.status == 404


def test_a_form_with_more_lines_than_any_order_may_have_is_bounded(world: Any, crowd: Any) -> None:
    ids = [str(row.id) for row in world.rows("SELECT id FROM offers")]
    page = press(crowd.browser, crowd.browser.get("/order"), dict.fromkeys(ids[:1_500], "1"), category="herbs")
    assert page.status == 200
    assert page.html.count('class="kept') <= 600
    refused = crowd.browser.order(page, {})
    assert (refused.status, "holds 200 products at most" in refused.words) == (422, True)


def test_staff_see_in_large_letters_for_whom_they_order(world: Any, crowd: Any, signed_in: Callable[..., Any]) -> None:
    staff = signed_in(world.person(Role.STAFF))
    choice = staff.get("/order")
    assert "1 to 60 of 501" in choice.words
    page = staff.get("/order?q=ABARROTES+499")
    [card] = page.read.having("a", class_="entry")
    assert "You are ordering for Abarrotes 499" in staff.get(card["href"]).words

"""The order form round trip, as a browser without scripts makes it."""

from collections.abc import Callable
from typing import Any

import pytest

from orders.domain.errors import Unavailable
from orders.domain.people import Role


def _ordered(world: Any, market: Any) -> dict[str, int]:
    rows = world.rows(
        "SELECT l.offer_id, l.quantity FROM order_lines l JOIN orders o ON o.id = l.order_id AND o.state = 'placed'"
        " WHERE o.store_id = CAST(:store AS uuid)",
        store=market.store,
    )
    return {str(row.offer_id): row.quantity for row in rows}


def test_an_order_is_placed_from_the_page_without_any_script(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    assert page.status == 200
    after = market.browser.order(page, {market.apples: "2", market.limes: ""}, note="Ring the bell\r\nplease")
    assert "Your order is in." in after.words
    assert "$68.00" in after.words
    assert "Ring the bell" in after.words
    assert _ordered(world, market) == {market.apples: 2}


def test_sending_the_same_form_twice_makes_one_order(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    first = market.browser.order(page, {market.apples: "2"}, follow=False)
    second = market.browser.order(page, {market.apples: "2"}, follow=False)
    assert first.headers["Location"] == second.headers["Location"]
    assert world.value("SELECT count(*) FROM orders") == 1


def test_what_ran_short_is_marked_with_what_is_left_and_everything_typed_is_kept(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    typed = {market.apples: "2", market.limes: "5", market.rice: "7"}
    again = market.browser.order(page, typed, note="Ring the bell", on_shortage="")
    assert again.status == 409
    assert "Only 3 left. We kept your 5 in the box: choose 3 or fewer." in again.words
    form = again.form("/orders")
    assert {offer: form.fields[f"quantity-{offer}"] for offer in typed} == typed
    assert form.fields["note"] == "Ring the bell"
    assert _ordered(world, market) == {}
    [summary] = again.read.having("div", id="notice")
    assert "autofocus" in summary
    assert summary["role"] == "alert"
    [box] = again.read.having("input", id=f"quantity-{market.limes}")
    assert box["aria-invalid"] == "true"


def test_the_form_that_was_refused_can_be_mended_and_sent(world: Any, market: Any) -> None:
    again = market.browser.order(market.browser.get("/order"), {market.apples: "2", market.limes: "5"})
    after = market.browser.order(again, {market.limes: "3"})
    assert "Your order is in." in after.words
    assert _ordered(world, market) == {market.apples: 2, market.limes: 3}


def test_who_takes_what_is_left_gets_it_and_sees_what_fell_short(world: Any, market: Any) -> None:
    after = market.browser.order(market.browser.get("/order"), {market.limes: "5"}, on_shortage="partial")
    assert "2 short" in after.words
    assert _ordered(world, market) == {market.limes: 3}


def test_a_price_that_changed_is_shown_beside_the_old_one(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    world.run("UPDATE offers SET unit_price_cents = 3600 WHERE id = CAST(:id AS uuid)", id=market.apples)
    again = market.browser.order(page, {market.apples: "2"})
    assert again.status == 409
    assert "The price is now $36.00; it was $34.00." in again.words
    assert "Your order is in." in market.browser.order(again, {}).words


@pytest.mark.parametrize("text", ["two", "-1", "1.5", "99999", "٣", "1e2"])
def test_what_is_no_number_stays_in_its_box_with_a_word_about_it(world: Any, market: Any, text: str) -> None:
    again = market.browser.order(market.browser.get("/order"), {market.apples: text, market.rice: "1"})
    assert again.status == 422
    assert again.form("/orders").fields[f"quantity-{market.apples}"] == text
    assert "Write a whole number" in again.words
    assert _ordered(world, market) == {}


def test_an_empty_form_asks_for_a_product(market: Any) -> None:
    again = market.browser.order(market.browser.get("/order"), {})
    assert (again.status, "Choose at least one product." in again.words) == (422, True)


def test_a_note_that_is_too_long_is_kept_whole(market: Any) -> None:
    note = "ring the bell " * 100
    again = market.browser.order(market.browser.get("/order"), {market.rice: "1"}, note=note)
    assert again.status == 422
    assert again.form("/orders").fields["note"].strip() == note.strip()


def test_more_than_a_store_may_have_is_marked(world: Any, market: Any) -> None:
    few = world.offer(market.cycle, name="Saffron", available=10, max_per_store=2)
    again = market.browser.order(market.browser.get("/order"), {few: "3"})
    assert (again.status, "At most 2 for each store." in again.words) == (422, True)


def test_the_cutoff_leaves_everything_typed_to_read(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() - interval '1 second'")
    again = market.browser.order(page, {market.apples: "2"}, note="Ring the bell")
    assert again.status == 409
    assert "Ordering is closed." in again.words
    form = again.form("/orders")
    assert (form.fields[f"quantity-{market.apples}"], form.fields["note"]) == ("2", "Ring the bell")
    assert not [button for button in again.read.having("button") if "data-send" in button]


def test_an_order_is_changed_on_the_same_page_with_its_lines_on_top(world: Any, market: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.limes: "2"}, note="first")
    page = market.browser.get("/order")
    assert page.html.index('id="shelf-mine"') < page.html.index(f'id="offer-{market.limes}"')
    assert page.html.index(f'id="offer-{market.limes}"') < page.html.index(f'id="offer-{market.apples}"')
    assert page.form("/orders").fields[f"quantity-{market.limes}"] == "2"
    after = market.browser.order(page, {market.limes: "3", market.apples: "1"})
    assert "Your changes are saved." in after.words
    assert "3 instead of 2" in after.words
    assert _ordered(world, market) == {market.limes: 3, market.apples: 1}


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(world: Any, market: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "1"})
    mine, theirs = market.browser.get("/order"), market.browser.get("/order")
    market.browser.order(theirs, {market.apples: "4"})
    again = market.browser.order(mine, {market.apples: "2", market.limes: "1"})
    assert again.status == 412
    assert "changed somewhere else" in again.words
    assert _ordered(world, market) == {market.apples: 4}
    form = again.form("/orders")
    assert (form.fields[f"quantity-{market.apples}"], form.fields[f"quantity-{market.limes}"]) == ("2", "1")
    assert "Apples: Saved meanwhile: 4. Save again to keep yours." in again.words
    market.browser.order(again, {})
    assert _ordered(world, market) == {market.apples: 2, market.limes: 1}


def test_a_second_first_order_becomes_a_change_of_the_first(world: Any, market: Any) -> None:
    one, other = market.browser.get("/order"), market.browser.get("/order")
    market.browser.order(one, {market.apples: "1"})
    again = market.browser.order(other, {market.limes: "2"})
    assert again.status == 409
    assert "already has an order" in again.words
    assert "Saved meanwhile, and in the form now: Apples 1." in again.words
    market.browser.order(again, {})
    assert _ordered(world, market) == {market.apples: 1, market.limes: 2}


def test_the_second_press_undoes_nothing_that_another_person_of_the_store_saved(world: Any, market: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "1", market.limes: "1"}, note="Ring the bell")
    mine, theirs = market.browser.get("/order"), market.browser.get("/order")
    limit = {f"max-{market.rice}": "6.00"}
    market.browser.order(theirs, {market.rice: "10", market.limes: ""}, note="By the back door", **limit)
    again = market.browser.order(mine, {market.apples: "2"})
    assert again.status == 412
    assert "Saved meanwhile, and in the form now: Rice 10." in again.words
    assert "Taken out meanwhile: Limes." in again.words
    market.browser.order(again, {})
    assert _ordered(world, market) == {market.apples: 2, market.rice: 10}
    assert world.value("SELECT note FROM orders") == "By the back door"
    assert world.value("SELECT max_unit_price_cents FROM order_lines WHERE quantity = 10") == 600


def test_turning_a_page_does_not_let_an_old_form_pass_for_a_new_one(world: Any, market: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "1"}, note="Ring the bell")
    mine, theirs = market.browser.get("/order"), market.browser.get("/order")
    market.browser.order(theirs, {market.rice: "10"}, note="By the back door")
    typed = {f"quantity-{market.limes}": "2", "note": "Ring twice", "q": "limes"}
    turned = market.browser.post("/order/view", {**mine.form("/orders").fields, **typed})
    assert turned.status == 200
    assert "Saved meanwhile, and in the form now: Rice 10." in turned.words
    assert "The note that was saved meanwhile: “By the back door”." in turned.words
    market.browser.order(turned, {})
    assert _ordered(world, market) == {market.apples: 1, market.limes: 2, market.rice: 10}
    assert world.value("SELECT note FROM orders") == "Ring twice"


@pytest.mark.parametrize(
    ("mine", "kept", "said"),
    [
        ("90.00", "90.00", "Saved meanwhile: 50.00. Save again to keep yours."),
        ("60.00", "50.00", "Saved meanwhile, and in the form now: 50.00."),
        ("50", "50", ""),
    ],
)
def test_a_limit_that_somebody_else_saved_is_neither_overwritten_nor_taken_over_unsaid(
    world: Any, market: Any, mine: str, kept: str, said: str
) -> None:
    limit = f"max-{market.apples}"
    market.browser.order(market.browser.get("/order"), {market.apples: "1"}, **{limit: "60.00"})
    old, theirs = market.browser.get("/order"), market.browser.get("/order")
    market.browser.order(theirs, {}, **{limit: "50.00"})
    fields = {**old.form("/orders").fields, limit: mine, "q": ""}
    turned = market.browser.post("/order/view", fields)
    assert turned.form("/orders").fields[limit] == kept
    assert said in turned.words
    assert ("Saved meanwhile" in turned.words) == bool(said)
    assert world.value("SELECT max_unit_price_cents FROM order_lines") == 5_000


def test_the_form_of_a_release_that_did_not_say_what_the_order_held_is_taken_as_typed(world: Any, market: Any) -> None:
    """As it stands in browsers over a deploy: what its buyer took out must not come back as somebody else's."""
    market.browser.order(market.browser.get("/order"), {market.apples: "5", market.limes: "5"}, note="Ring the bell")
    form = market.browser.get("/order").form("/orders")
    old = {name: text for name, text in form.fields.items() if not name.startswith("was-")}
    typed = {f"quantity-{market.apples}": "", f"quantity-{market.limes}": "many", "note": ""}
    again = market.browser.post(form.action, {**old, **typed})
    assert (again.status, "Saved meanwhile" in again.words) == (422, False)
    fields = again.form("/orders").fields
    assert (fields.get(f"quantity-{market.apples}", ""), fields["note"]) == ("", "")
    market.browser.order(again, {market.limes: "3"})
    assert _ordered(world, market) == {market.limes: 3}


@pytest.mark.parametrize("path", ["/order/view", "/order/shelves", "/orders"])
def test_nothing_is_shown_of_a_day_that_has_not_opened_or_was_cancelled_but_what_was_typed(
    world: Any, market: Any, signed_in: Callable[..., Any], path: str
) -> None:
    form = market.browser.get("/order").form("/orders").fields
    planned = world.cycle(state="scheduled", opens_in_s=3600, cutoff_in_s=7200)
    world.offer(planned, name="Saffron", price=98_765)
    for token in (form["csrf_token"], "0" * 64):
        answer = market.browser.post(path, {**form, "cycle_id": planned, "csrf_token": token})
        assert (answer.status, "Saffron" in answer.html) == (404, False)
    world.run("UPDATE cycles SET state = 'cancelled' WHERE id = CAST(:id AS uuid)", id=planned)
    answer = market.browser.post(path, {**form, "cycle_id": planned})
    assert ("Saffron" in answer.html, "987.65" in answer.html) == (False, False)
    world.run("UPDATE cycles SET state = 'cancelled'")
    again = market.browser.post(path, {**form, f"quantity-{market.apples}": "2"})
    assert ("Apples" in again.html, "Limes" in again.html) == (True, False)
    staff = signed_in(world.person(Role.STAFF))
    token = staff.get("/orders").form("/sign-out").fields["csrf_token"]
    assert "Limes" in staff.post(path, {**form, "csrf_token": token}).html


def test_a_form_changed_after_it_went_through_is_explained(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    market.browser.order(page, {market.apples: "1"})
    again = market.browser.order(page, {market.apples: "2"})
    assert again.status == 422
    assert "already sent once" in again.words
    market.browser.order(again, {})
    assert _ordered(world, market) == {market.apples: 2}


def test_a_form_of_an_older_session_is_kept_and_only_sent_again(world: Any, market: Any) -> None:
    page = market.browser.get("/order")
    again = market.browser.order(page, {market.apples: "2"}, csrf_token="0" * 64)
    assert again.status == 403
    assert again.form("/orders").fields[f"quantity-{market.apples}"] == "2"
    assert _ordered(world, market) == {}
    market.browser.order(again, {})
    assert _ordered(world, market) == {market.apples: 2}


def test_a_session_that_ended_keeps_what_was_typed_through_the_sign_in(world: Any, market: Any, browser: Any) -> None:
    page = market.browser.get("/order")
    market.browser.client.delete_cookie("mercadito_session")
    asked = market.browser.order(page, {market.apples: "2", market.limes: "1"}, note="Ring the bell")
    assert asked.status == 401
    form = asked.form("/sign-in")
    kept = market.browser.send(form, email=world.emails[market.buyer.person_id], password="correct horse battery")
    fields = kept.form("/orders").fields
    assert (fields[f"quantity-{market.apples}"], fields[f"quantity-{market.limes}"]) == ("2", "1")
    assert fields["note"] == "Ring the bell"
    market.browser.order(kept, {})
    assert _ordered(world, market) == {market.apples: 2, market.limes: 1}


def test_an_order_for_a_foreign_store_is_refused_as_if_it_were_not_there(world: Any, market: Any) -> None:
    other = world.store()
    form = market.browser.get("/order").form("/orders")
    values = {**form.fields, "store_id": other, f"quantity-{market.apples}": "1"}
    answer = market.browser.post(form.action, values)
    assert answer.status in (403, 404)
    assert world.value("SELECT count(*) FROM orders") == 0


@pytest.mark.parametrize("name", ["cycle_id", "store_id"])
@pytest.mark.parametrize("value", ["", "nonsense", "'; --", "00000000-0000-4000-8000-000000000000"])
def test_a_tampered_form_is_no_server_error(market: Any, name: str, value: str) -> None:
    form = market.browser.get("/order").form("/orders")
    answer = market.browser.post(form.action, {**form.fields, name: value, f"quantity-{market.apples}": "1"})
    assert 400 <= answer.status < 500


def test_an_offer_that_is_no_id_is_no_server_error(market: Any) -> None:
    form = market.browser.get("/order").form("/orders")
    answer = market.browser.post(form.action, {**form.fields, "quantity-nonsense": "1", "price-nonsense": "x"})
    assert answer.status == 422


def test_a_note_with_characters_that_are_no_text_is_no_server_error(world: Any, market: Any) -> None:
    after = market.browser.order(
        market.browser.get("/order"), {market.apples: "1"}, note="Ring\x00 the\x1b bell\r\ntwice"
    )
    assert "Your order is in." in after.words
    assert world.value("SELECT note FROM orders") == "Ring the bell\ntwice"


def test_an_order_that_may_have_gone_through_is_not_said_to_be_unprocessed(
    app: Any, market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise Unavailable("no answer to the commit", not_processed=False)

    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("still away", not_processed=True)

    page = market.browser.get("/order")
    monkeypatch.setattr(app.extensions["container"].ordering, "place", lost)
    monkeypatch.setattr(app.extensions["container"].queries, "offers", away)
    answer = market.browser.order(page, {market.apples: "1"})
    assert answer.status == 503
    assert "X-Gateway-Not-Processed" not in answer.headers


def test_names_and_notes_are_shown_as_text(world: Any, market: Any) -> None:
    world.offer(market.cycle, name="<script>alert(1)</script>")
    market.browser.order(market.browser.get("/order"), {market.apples: "1"}, note="<b>bold</b>")
    page = market.browser.get("/order")
    assert "<script>alert" not in page.html
    assert "<b>bold" not in page.html


def test_without_an_open_day_the_page_says_when_the_next_opens(world: Any, signed_in: Callable[..., Any]) -> None:
    buyer, _ = world.buyer()
    browser = signed_in(buyer)
    assert "no date yet" in browser.get("/order").words
    world.cycle(state="scheduled", opens_in_s=3_600, cutoff_in_s=7_200)
    page = browser.get("/order")
    assert (page.status, "opens" in page.words) == (200, True)
    assert "PST" in page.words or "PDT" in page.words


def test_who_orders_for_several_stores_chooses_first(world: Any, signed_in: Callable[..., Any]) -> None:
    stores = [world.store("Alpha"), world.store("Beta")]
    browser = signed_in(world.person(stores=stores))
    offer = world.offer(world.cycle(), name="Apples")
    choice = browser.get("/order")
    assert "Which store?" in choice.words
    page = browser.get(f"/order?store={stores[1]}")
    assert "Beta" in page.words
    browser.order(page, {offer: "1"})
    assert str(world.value("SELECT store_id FROM orders")) == stores[1]


def test_a_person_without_a_store_is_told_what_to_do(world: Any, signed_in: Callable[..., Any]) -> None:
    assert "No store yet" in signed_in(world.person()).get("/order").words


def test_staff_may_order_for_any_store(world: Any, market: Any, signed_in: Callable[..., Any]) -> None:
    staff = signed_in(world.person(Role.STAFF))
    after = staff.order(staff.get(f"/order?store={market.store}"), {market.apples: "1"})
    assert "Your order is in." in after.words


def test_a_key_that_is_not_printable_is_refused(market: Any) -> None:
    form = market.browser.get("/order").form("/orders")
    answer = market.browser.post(f"/orders?idempotency_key={'x' * 300}", form.fields)
    assert answer.status == 400


def test_a_form_without_a_key_still_places_one_order(world: Any, market: Any) -> None:
    form = market.browser.get("/order").form("/orders")
    market.browser.post("/orders", {**form.fields, f"quantity-{market.apples}": "1"})
    assert world.value("SELECT count(*) FROM orders") == 1


def test_what_is_on_order_is_summed_at_the_price_it_was_ordered_at(market: Any, world: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "2"})
    world.run("UPDATE offers SET unit_price_cents = 5000, version = version + 1 WHERE id = :id", id=market.apples)
    page = market.browser.get("/order")
    assert "You ordered 2 at $34.00" in page.words
    assert "$68.00" in page.words
    kept = market.browser.order(page, {market.apples: "2", market.limes: "1"})
    assert kept.status == 200
    assert world.value("SELECT total_cents FROM orders") == 2 * 3_400 + 1_250
    market.browser.order(market.browser.get("/order"), {market.apples: "3"})
    assert world.value("SELECT total_cents FROM orders") == 3 * 5_000 + 1_250


def test_a_limit_that_is_emptied_is_gone(market: Any, world: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "2"}, **{f"max-{market.apples}": "40"})
    assert world.value("SELECT max_unit_price_cents FROM order_lines") == 4_000
    page = market.browser.get("/order")
    assert page.form("/orders").fields[f"max-{market.apples}"] == "40.00"
    market.browser.order(page, {}, **{f"max-{market.apples}": ""})
    assert world.value("SELECT max_unit_price_cents FROM order_lines") is None

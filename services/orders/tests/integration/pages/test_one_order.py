"""One order: what was said about it, why it changed, what can't be changed any more; by phone."""

from collections.abc import Callable
from typing import Any

import pytest

from orders.application.comment_book import MAX_CHARACTERS, MAX_PER_HOUR, MAX_PER_ORDER
from orders.domain.people import Role


def _placed(market: Any, **quantities: str) -> Any:
    return market.browser.order(market.browser.get("/order"), quantities or {market.apples: "2"})


def _write(browser: Any, page: Any, text: str) -> Any:
    return browser.send(page.form(f"{page.path.split('?')[0]}/comments"), text=text)


def _close(world: Any, offer: str) -> None:
    world.run("UPDATE offers SET cutoff_at = clock_timestamp() - interval '1 s' WHERE id = CAST(:id AS uuid)", id=offer)


def test_store_and_staff_write_to_each_other_without_a_script(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    page = _placed(market)
    assert "Nobody wrote anything yet." in page.words
    page = _write(market.browser, page, "¿Por atrás?\r\nGracias")
    assert "Your comment is sent." in page.words
    staff = signed_in(world.person(Role.STAFF))
    board = staff.get("/staff")
    assert "¿Por atrás?" in board.words
    answered = _write(staff, staff.get(page.path.split("?")[0]), "Sí.")
    assert "¿Por atrás?\nGracias" in answered.read.text
    assert "None. Every store has its answer." in staff.get("/staff").words
    assert "Sí." in market.browser.get(page.path).words


@pytest.mark.parametrize(("text", "kept"), [("", ""), ("x" * (MAX_CHARACTERS + 5), "x" * (MAX_CHARACTERS + 5))])
def test_a_comment_that_can_not_be_sent_is_still_in_its_field(market: Any, text: str, kept: str) -> None:
    again = _write(market.browser, _placed(market), text)
    assert (again.status, "Your comment was not sent." in again.words) == (422, True)
    form = again.form("/orders/" + again.path.split("/")[2] + "/comments")
    assert form.fields["text"] == kept
    assert again.read.having("textarea", name="text", aria_invalid="true")


def test_too_many_comments_are_refused_with_everything_typed(world: Any, market: Any) -> None:
    page = _placed(market)
    for number in range(MAX_PER_HOUR):
        page = _write(market.browser, page, str(number))
        assert page.status == 200
    again = _write(market.browser, page, "one more")
    assert (again.status, "one more" in again.html) == (429, True)
    world.run(
        "INSERT INTO comments (id, order_id, person_id, role, text) SELECT gen_random_uuid(), order_id, person_id,"
        " role, 'x' FROM comments, generate_series(1, :more)",
        more=MAX_PER_ORDER // MAX_PER_HOUR,
    )
    assert "This conversation is full." in market.browser.get(page.path).words


def test_what_is_written_into_a_form_that_was_sent_already_is_not_lost(world: Any, market: Any) -> None:
    page = _placed(market)
    _write(market.browser, page, "first")
    again = _write(market.browser, page, "second")
    assert (again.status, "already sent once" in again.words, "second" in again.html) == (422, True, True)
    assert "second" in market.browser.send(again.form(f"{page.path.split('?')[0]}/comments")).words
    assert world.value("SELECT count(*) FROM comments") == 2


def test_whatever_is_written_stays_text(market: Any) -> None:
    page = _write(market.browser, _placed(market), "<script>alert(1)</script>\x00\x07<b>")
    assert "<script>alert(1)" not in page.html
    assert "<script>alert(1)</script>" in page.read.text


def test_a_comment_needs_the_token_of_the_page_and_eyes_that_may_see(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    page = _placed(market)
    form = page.form(f"{page.path.split('?')[0]}/comments")
    assert market.browser.send(form, csrf_token="0" * 64, text="hi").status == 403
    stranger = signed_in(world.buyer()[0])
    token = stranger.get("/orders").form("/sign-out").fields["csrf_token"]
    assert stranger.post(form.action, {"csrf_token": token, "text": "hi"}).status == 404
    assert world.value("SELECT count(*) FROM comments") == 0


def test_staff_write_down_an_order_by_phone_and_the_history_says_so(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    staff = signed_in(world.person(Role.STAFF))
    name = world.value("SELECT name FROM people WHERE role = 'staff'")
    page = staff.order(staff.get(f"/order?store={market.store}"), {market.apples: "2"}, by_phone="yes")
    assert f"by {name}, by phone" in page.words
    assert "The store ordered by phone." not in market.browser.get("/order").words
    world.run("UPDATE people SET locale = 'es'")
    assert f"por {name}, por teléfono" in market.browser.get(page.path).words


def test_a_buyer_can_not_claim_to_have_been_phoned(world: Any, market: Any) -> None:
    page = market.browser.order(market.browser.get("/order"), {market.apples: "2"}, by_phone="yes")
    assert page.status == 200
    assert world.value("SELECT reason FROM audit WHERE entity = 'order'") == ""


def test_why_it_was_cancelled_is_told(world: Any, market: Any) -> None:
    page = _placed(market)
    form = page.form(f"{page.path.split('?')[0]}/cancel")
    assert "Cerramos el viernes" in market.browser.send(form, reason="Cerramos el viernes").words
    assert world.events("orders.order.cancelled.v1")[0]["reason"] == "Cerramos el viernes"


def test_a_reason_nobody_may_give_is_refused_and_still_there(market: Any) -> None:
    page = _placed(market)
    again = market.browser.send(page.form(f"{page.path.split('?')[0]}/cancel"), reason="standing order")
    assert (again.status, "in other words" in again.words) == (422, True)
    assert again.form(f"{page.path.split('?')[0]}/cancel").fields["reason"] == "standing order"


def test_what_has_closed_early_is_named_when_cancelling(world: Any, market: Any) -> None:
    page = _placed(market, **{market.apples: "2", market.rice: "1"})
    _close(world, market.apples)
    again = market.browser.send(page.form(f"{page.path.split('?')[0]}/cancel"))
    assert again.status == 409
    assert "may be bought already: Apples." in again.words


def test_what_has_closed_early_is_named_on_the_order_form_with_what_the_order_holds(world: Any, market: Any) -> None:
    _placed(market, **{market.apples: "2", market.rice: "1"})
    _close(world, market.apples)
    form = market.browser.get("/order")
    again = market.browser.order(form, {market.apples: "5", market.rice: "4"})
    assert (again.status, "One product has closed already." in again.words) == (409, True)
    assert "You wrote 5; your order keeps its 2." in again.words
    # Nobody can write into that box, so it holds what lets the rest go on.
    assert again.form("/orders").fields[f"quantity-{market.apples}"] == "2"
    after = market.browser.send(again.form("/orders"))
    assert "4 instead of 1" in after.words


def test_what_has_closed_early_and_is_not_on_order_leaves_the_form_and_is_told(world: Any, market: Any) -> None:
    form = market.browser.get("/order")
    _close(world, market.apples)
    again = market.browser.order(form, {market.apples: "5", market.rice: "4"})
    assert (again.status, "You wrote 5; none can be ordered any more." in again.words) == (409, True)
    assert again.form("/orders").fields.get(f"quantity-{market.apples}", "") == ""
    assert "Your order is in." in market.browser.send(again.form("/orders")).words
    # Also where another shelf is looked at, which has no row for it, and where something else was refused.
    turned = market.browser.post(
        "/order/view", {**form.form("/orders").fields, f"quantity-{market.apples}": "5", "q": "rice"}
    )
    assert "You wrote 5; none can be ordered any more." in turned.words


def test_a_line_that_its_limit_dropped_is_told_in_the_readers_language(world: Any, market: Any) -> None:
    page = _placed(market, **{market.apples: "2", market.rice: "1"})
    order = page.path.split("?")[0].split("/")[2]
    limes = {"field": "price_limit", "old": 1_000, "new": 1_250, "offer_id": "x", "name": "Limes", "name_es": "Limón"}
    gone = {**limes, "field": "quantity", "old": 3, "new": None}
    import json  # noqa: PLC0415 - only here

    world.run(
        "INSERT INTO audit (entity, entity_id, action, changes, reason) VALUES ('order', CAST(:id AS uuid), 'amended',"
        " CAST(:changes AS jsonb), 'Limes: $12.50 is above the limit of $10.00')",
        id=order,
        changes=json.dumps([gone, limes]),
    )
    english = market.browser.get(f"/orders/{order}").words
    assert "Limes: left out, because $12.50 is above the limit of $10.00" in english
    assert "taken out (was 3)" not in english
    world.run("UPDATE people SET locale = 'es'")
    spanish = market.browser.get(f"/orders/{order}").words
    assert "Limón: se quitó, porque $12.50 pasa del límite de $10.00" in spanish
    assert "is above" not in spanish

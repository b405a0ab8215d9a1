import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role


def _placed(market: Any, **more: str) -> Any:
    return market.browser.order(market.browser.get("/order"), {market.apples: "2"}, **more)


def _order_id(world: Any) -> str:
    return str(world.value("SELECT id FROM orders ORDER BY number DESC LIMIT 1"))


def _mail(world: Any, market: Any, state: str, kind: str = "order_confirmation") -> None:
    world.run(
        "INSERT INTO mails (message_id, kind, state, person_id, order_id, at, reason) VALUES (:id, :kind, :state,"
        " CAST(:person AS uuid), CAST(:order AS uuid), clock_timestamp(), '550 no such user')",
        id=f"{uuid4()}@mail",
        kind=kind,
        state=state,
        person=market.buyer.person_id,
        order=_order_id(world),
    )


def test_the_list_shows_the_newest_order_first_and_only_ones_own(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    _placed(market)
    stranger = signed_in(world.buyer()[0])
    assert "No orders yet" in stranger.get("/orders").words
    page = market.browser.get("/orders")
    assert f"Order {world.value('SELECT number FROM orders')}" in page.words
    assert "$68.00" in page.words


def test_a_foreign_order_looks_like_one_that_is_not_there(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    _placed(market)
    path = f"/orders/{_order_id(world)}"
    stranger = signed_in(world.buyer()[0])
    foreign, missing = stranger.get(path), stranger.get(f"/orders/{uuid4()}")
    assert (foreign.status, missing.status) == (404, 404)
    cancelled = stranger.post(
        f"{path}/cancel", {"csrf_token": stranger.get("/orders").form("/sign-out").fields["csrf_token"]}
    )
    assert cancelled.status == 404


def test_an_order_tells_what_happened_to_it_and_until_when_it_can_be_changed(world: Any, market: Any) -> None:
    _placed(market)
    page = market.browser.order(market.browser.get("/order"), {market.apples: "3"})
    assert "3 instead of 2" in page.words
    assert "until " in page.words
    assert "The confirmation is on its way." in page.words


@pytest.mark.parametrize(
    ("state", "words"),
    [("sent", "Confirmation sent"), ("deferred", "We keep trying"), ("failed", "could not be delivered")],
)
def test_what_became_of_the_mail_is_shown_without_its_inside(world: Any, market: Any, state: str, words: str) -> None:
    _placed(market)
    _mail(world, market, state)
    page = market.browser.get(f"/orders/{_order_id(world)}")
    assert words in page.words
    assert "550" not in page.words


def test_cancelling_gives_the_stock_back_and_says_so(world: Any, market: Any) -> None:
    page = _placed(market)
    after = market.browser.send(page.form("/orders"))
    assert "The order is cancelled." in after.words
    assert world.remaining(market.apples) == 10
    assert not [form for form in after.read.forms if "cancel" in form.action]


def test_cancelling_what_was_changed_meanwhile_asks_to_look_again(world: Any, market: Any) -> None:
    page = _placed(market)
    market.browser.order(market.browser.get("/order"), {market.apples: "4"})
    again = market.browser.send(page.form("/orders"))
    assert (again.status, "It was not cancelled." in again.words) == (412, True)
    assert "The order is cancelled." in market.browser.send(again.form("/orders")).words


def test_cancelling_after_the_cutoff_is_explained(world: Any, market: Any) -> None:
    page = _placed(market)
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() - interval '1 second'")
    again = market.browser.send(page.form("/orders"))
    assert (again.status, "can no longer be cancelled" in again.words) == (409, True)


def test_cancelling_needs_the_token_of_the_page(world: Any, market: Any) -> None:
    form = _placed(market).form("/orders")
    again = market.browser.send(form, csrf_token="0" * 64)
    assert again.status == 403
    assert world.value("SELECT state FROM orders") == "placed"


def test_more_orders_than_fit_a_page_lie_behind_a_link(world: Any, market: Any) -> None:
    world.run(
        "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents) SELECT gen_random_uuid(),"
        " CAST(:cycle AS uuid), CAST(:store AS uuid), 'cancelled', 1, 100 FROM generate_series(1, 31)",
        cycle=market.cycle,
        store=market.store,
    )
    page = market.browser.get("/orders")
    [older] = [link["href"] for link in page.read.having("a", class_="quiet")]
    assert market.browser.get(older).html.count('class="card"') == 1


def test_a_cursor_that_makes_no_sense_is_no_server_error(market: Any) -> None:
    assert 400 <= market.browser.get("/orders?cursor=%00nonsense").status < 500


def test_the_board_shows_orders_stock_missing_stores_and_lost_mail(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    waiting = world.store("Late Store")
    _placed(market)
    _mail(world, market, "failed")
    page = signed_in(world.person(Role.STAFF)).get("/staff")
    assert page.status == 200
    assert waiting
    for words in ("Late Store", "$68.00", "2 of 10", "could not be delivered", "Time left"):
        assert words in page.words


def test_the_fragment_is_the_board_without_the_page_around_it(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    staff = signed_in(world.person(Role.STAFF))
    fragment = staff.get("/staff/board")
    assert f'data-cycle="{market.cycle}"' in fragment.html
    assert fragment.html.lstrip().startswith('<div class="board"')
    assert not fragment.read.having("html")


def test_the_board_is_not_for_buyers(market: Any) -> None:
    page = market.browser.get("/staff")
    assert (page.status, "Not for you" in page.words) == (403, True)
    assert market.browser.get("/staff/board").status == 403


def test_without_any_market_day_the_board_says_so(world: Any, signed_in: Callable[..., Any]) -> None:
    staff = signed_in(world.person(Role.STAFF))
    page = staff.get("/staff")
    assert "No market day yet" in page.words
    assert re.search(r'data-no-day data-since="\d{13}"', page.html)
    assert staff.get("/staff/board").status == 303


def test_after_the_cutoff_the_board_says_closed(world: Any, signed_in: Callable[..., Any]) -> None:
    world.cycle(state="closed", opens_in_s=-7_200, cutoff_in_s=-60)
    assert "Closed" in signed_in(world.person(Role.STAFF)).get("/staff").words

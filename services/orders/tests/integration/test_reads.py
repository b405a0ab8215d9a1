"""What pages and integrators read: few statements, however much there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event

from orders.application.incoming import read_mail, read_quotes
from orders.application.queries import OrderFilter
from orders.domain import errors
from orders.domain.cycle import CycleState
from orders.domain.people import Role
from tests.integration.test_ordering import shop

__all__ = ["shop"]
MOST_STATEMENTS = 10


@contextmanager
def counted() -> Iterator[list[str]]:
    """Hear every statement of this process, whichever pool it goes through: the application's is not the test's own."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert seen, "nothing was asked of the database: whoever counts, counts nothing"


@pytest.fixture
def queries(container: Any) -> Any:
    return container.queries


@pytest.fixture
def record(transactions: Any) -> Any:
    def run(series_id: str, day: str, reference: str | None, market: str = "Los Angeles") -> None:
        quote = {"series_id": series_id, "commodity": "Avocados", "date": day, "reference": reference, "low": "30.00"}
        told = {"market": market, "report_id": "2306", "quotes": [quote]}
        transactions.run(lambda work: work.market.record(read_quotes(told)))

    return run


def test_the_current_day_is_the_open_one_with_the_nearest_cutoff(world: Any, sign_in: Any) -> None:
    later, nearest = world.cycle(cutoff_in_s=9_000), world.cycle(cutoff_in_s=600)
    world.cycle(cutoff_in_s=-5)  # over, though nobody closed it yet
    world.cycle(state="scheduled", opens_in_s=10, cutoff_in_s=20)
    offer = world.offer(nearest, available=None, name="Limes")
    world.offer(later)
    answer = sign_in(world.buyer()[0]).call("GET", "/cycles/current").json
    assert (answer["id"], answer["state"], len(answer["offers"])) == (nearest, "open", 1)
    assert answer["offers"][0]["id"] == offer
    assert answer["offers"][0]["product"]["name_es"] == "Limes en español"
    assert (answer["offers"][0]["available"], answer["offers"][0]["remaining"]) == (None, None)
    assert answer["server_time"] < answer["cutoff_at"]


def test_without_an_open_day_there_is_no_current_one(world: Any, sign_in: Any) -> None:
    assert sign_in(world.buyer()[0]).call("GET", "/cycles/current").status_code == 404


def test_days_come_latest_first_by_state_in_pages(world: Any, sign_in: Any) -> None:
    days = [world.cycle(state="done", opens_in_s=-n * 1_000, cutoff_in_s=-n * 100) for n in range(1, 6)]
    world.cycle()
    api = sign_in(world.buyer()[0])
    seen, path = [], "/cycles?state=done&limit=2"
    while path:
        page = api.call("GET", path).json
        seen += [day["id"] for day in page["items"]]
        path = page["next"] and page["next"].removeprefix("/api/v1")
    assert seen == days
    assert len(api.call("GET", "/cycles").json["items"]) == 6
    assert api.call("GET", "/cycles?state=sleeping").status_code == 422


def test_offers_are_paged_by_category_and_name_and_can_be_searched_in_both_languages(world: Any, sign_in: Any) -> None:
    cycle = world.cycle()
    made = [world.offer(cycle, name=f"Item {n}", category="herbs" if n % 2 else "fruit") for n in range(6)]
    api = sign_in(world.buyer()[0])
    seen, path = [], f"/cycles/{cycle}/offers?limit=4"
    while path:
        page = api.call("GET", path).json
        seen += [offer["id"] for offer in page["items"]]
        path = page["next"] and page["next"].removeprefix("/api/v1")
    assert seen == [made[n] for n in (0, 2, 4, 1, 3, 5)]
    assert len(api.call("GET", f"/cycles/{cycle}/offers?category=herbs").json["items"]) == 3
    assert len(api.call("GET", f"/cycles/{cycle}/offers?q=ITEM 3").json["items"]) == 1
    assert len(api.call("GET", f"/cycles/{cycle}/offers?q=ESPAÑOL").json["items"]) == 6
    assert api.call("GET", f"/cycles/{cycle}/offers?q=100%").json["items"] == []
    assert api.call("GET", f"/cycles/{uuid4()}/offers").status_code == 404


def test_an_offer_shows_the_latest_quote_its_age_and_the_suggested_price(world: Any, queries: Any, record: Any) -> None:
    cycle, fresh, old = world.cycle(), str(uuid4()), str(uuid4())
    world.offer(cycle, name="A", series_id=fresh, markup="0.10")
    world.offer(cycle, name="B", series_id=old)
    world.offer(cycle, name="C", series_id=str(uuid4()))
    world.offer(cycle, name="D")
    record(fresh, "2026-01-07", "31.50")
    record(old, "2026-01-01", "20.00")  # five business days before the market's 8 January
    a, b, c, d = queries.offers(cycle).items
    assert (a.quote.quoted_on, a.quote.stale, a.quote.reference) == (date(2026, 1, 7), False, Decimal("31.50"))
    assert a.suggested_price_cents == 3_465
    assert b.quote.stale
    assert (c.quote, c.suggested_price_cents, d.quote) == (None, None, None)


def test_a_quote_never_goes_back_in_date_and_a_correction_of_the_day_counts(
    world: Any, queries: Any, record: Any
) -> None:
    series, cycle = str(uuid4()), world.cycle()
    world.offer(cycle, series_id=series)
    for day, reference in [("2026-01-07", "30"), ("2026-01-06", "99"), ("2026-01-07", "31"), ("2026-01-05", "98")]:
        record(series, day, reference)
    assert queries.offers(cycle).items[0].quote.reference == 31
    record(series, "2026-01-08", None)  # nothing quoted that day: the last price stands, and ages
    assert queries.offers(cycle).items[0].quote.quoted_on == date(2026, 1, 7)


def test_offers_know_what_the_store_has_ordered(world: Any, shop: Any, queries: Any) -> None:
    shop.place((shop.limited, 3))
    mine = {offer.id: offer.ordered for offer in queries.offers(shop.cycle, store_id=shop.store).items}
    assert mine == {shop.limited: 3, shop.unlimited: 0}
    other = world.store()
    assert {offer.ordered for offer in queries.offers(shop.cycle, store_id=other).items} == {0}
    assert {offer.ordered for offer in queries.offers(shop.cycle).items} == {0}


def test_an_order_page_has_timeline_and_mails(world: Any, shop: Any, queries: Any, transactions: Any) -> None:
    order = shop.place((shop.limited, 3)).json
    order = shop.amend(order, (shop.limited, 4), (shop.unlimited, 1), note="x").json
    for state, at in [("deferred", "10:00:00Z"), ("sent", "10:05:00Z"), ("deferred", "10:01:00Z")]:
        told = {"message_id": "m", "kind": "order_confirmation", "order_id": order["id"], "at": f"2026-01-08T{at}"}
        transactions.run(lambda work, told=told, state=state: work.record_mail(read_mail(told, state)))
    page = queries.order_page(shop.buyer, order["id"])
    assert [entry.action for entry in page.timeline] == ["placed", "amended"]
    changes = {(change.field, change.offer_id, change.old, change.new) for change in page.timeline[1].changes}
    assert changes == {
        ("quantity", shop.limited, 3, 4),
        ("quantity", shop.unlimited, None, 1),
        ("note", None, "", "x"),
    }
    assert page.timeline[1].actor_role is Role.BUYER
    assert [(mail.state, mail.order_number) for mail in page.mails] == [("sent", order["number"])]
    with pytest.raises(errors.NotFound):
        queries.order_page(world.buyer()[0], order["id"])


def test_the_board_shows_orders_totals_missing_stores_and_mails_that_did_not_arrive(
    world: Any, shop: Any, queries: Any, transactions: Any
) -> None:
    staff = world.person(Role.STAFF)
    waiting = world.store("Still waiting")
    world.store("Closed down", active=False)
    order = shop.place((shop.limited, 3)).json
    told = {"message_id": "m", "kind": "k", "order_id": order["id"], "at": "2999-01-08T10:00:00Z", "reason": "550 no"}
    transactions.run(lambda work: work.record_mail(read_mail(told, "failed")))
    board = queries.board(staff)
    assert board.cycle.id == shop.cycle
    assert [(one.number, one.line_count, one.total_cents) for one in board.orders] == [(order["number"], 1, 4_500)]
    totals = {total.offer_id: (total.ordered, total.stores, total.remaining) for total in board.totals}
    assert totals == {shop.limited: (3, 1, 7), shop.unlimited: (0, 0, None)}
    assert [store.id for store in board.stores_without_order] == [waiting]
    assert [(mail.state, mail.reason) for mail in board.undelivered_mails] == [("failed", "550 no")]
    assert board.total_cents == 4_500
    shop.cancel(order)
    board = queries.board(staff, shop.cycle)
    assert (board.total_cents, len(board.stores_without_order), len(board.orders)) == (0, 2, 1)
    with pytest.raises(errors.Forbidden):
        queries.board(shop.buyer)


def test_the_board_falls_back_to_the_day_that_closed_last(world: Any, queries: Any) -> None:
    staff = world.person(Role.STAFF)
    assert queries.board(staff).cycle is None
    world.cycle(state="closed", opens_in_s=-9_000, cutoff_in_s=-8_000)
    last = world.cycle(state="packing", opens_in_s=-900, cutoff_in_s=-800)
    assert queries.board(staff).cycle.id == last
    current = world.cycle()
    assert queries.board(staff).cycle.id == current


def test_the_number_of_statements_does_not_grow_with_offers_or_orders(
    world: Any, shop: Any, queries: Any, container: Any
) -> None:
    staff = world.person(Role.STAFF)

    def statements() -> list[int]:
        reads = [
            lambda: queries.offers(shop.cycle, store_id=shop.store),
            lambda: queries.orders(staff, OrderFilter(), limit=1_000, cursor=None),
            lambda: queries.order_summaries(staff, limit=1_000, cursor=None),
            lambda: queries.board(staff),
        ]
        found = []
        for read in reads:
            with counted() as seen:
                read()
            found.append(len(seen))
        return found

    shop.cancel(shop.place((shop.limited, 1)).json)
    few = statements()
    for _ in range(20):
        world.offer(shop.cycle)
        shop.cancel(shop.place((shop.limited, 1), (shop.unlimited, 1)).json)
    assert statements() == few
    assert max(few) <= MOST_STATEMENTS


def test_staff_see_all_stores_and_buyers_their_own(world: Any, queries: Any) -> None:
    buyer, store = world.buyer()
    second = world.store("Aardvark Market")
    assert [one.id for one in queries.stores(buyer)] == [store]
    assert [one.id for one in queries.stores(world.person(Role.STAFF))] == [second, store]


@pytest.mark.parametrize("bad", ["", "x", "1", "\x00", "' OR 1=1"])
def test_what_can_be_no_id_is_not_found(world: Any, queries: Any, bad: str) -> None:
    staff = world.person(Role.STAFF)
    for read in (
        lambda: queries.cycle(bad),
        lambda: queries.offers(bad),
        lambda: queries.order(staff, bad),
        lambda: queries.order_page(staff, bad),
        lambda: queries.live_order(staff, bad, bad),
        lambda: queries.board(staff, bad or "x"),
    ):
        with pytest.raises(errors.NotFound):
            read()


def test_scheduled_days_can_be_listed(world: Any, queries: Any) -> None:
    made = world.cycle(state="scheduled", opens_in_s=100, cutoff_in_s=200)
    page = queries.cycles(CycleState.SCHEDULED, limit=10, cursor=None)
    assert [cycle.id for cycle in page.items] == [made]
    assert not page.items[0].takes_orders

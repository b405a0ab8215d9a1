"""The offers of a market day by API: stock stays exact, every change leaves its trail, screens follow."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from orders.application import clock
from orders.application.commands import Answer, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.application.planning_offers import EditOffer, OffersDesk, RemoveOffer
from orders.application.planning_prices import AcceptSuggestions, PriceDesk
from orders.domain import errors
from orders.domain.order import LineRequest
from orders.domain.people import Actor, Role
from tests.integration.planning.conftest import Staff, ahead
from tests.integration.planning.test_market_days import HUB, fields, moment
from tests.integration.test_reads import counted


def given(_: object) -> Answer:
    return Answer(200, "")


def order(world: Any, transactions: Any, cycle: str, *lines: tuple[str, int]) -> str:
    buyer, store = world.buyer()
    wishes = tuple(LineRequest(offer, quantity) for offer, quantity in lines)
    placed = OrderDesk(transactions).place(PlaceOrder(buyer, cycle, store, wishes), lambda made: Answer(201, made.id))
    return placed.body


def test_an_offer_is_added_as_said(world: Any, staff: Staff) -> None:
    day = staff.planned()
    cutoff = ahead(days=2, hours=-1)
    answer = staff.offer(day["id"], available=40, max_per_store=5, case_size=6, cutoff_at=cutoff)
    assert answer.status_code == 201, answer.text
    offer = answer.json
    assert (offer["unit_price_cents"], offer["available"], offer["remaining"], offer["ordered"]) == (1_500, 40, 40, 0)
    assert (offer["max_per_store"], offer["case_size"], moment(offer["cutoff_at"])) == (5, 6, moment(cutoff))
    [entry] = staff.trail(offer["id"])
    assert (entry["action"], entry["actor_name"] is not None, entry["actor_role"]) == ("added", True, "staff")
    named = {change["field"]: (change["old"], change["new"]) for change in entry["changes"]}
    assert named["unit_price_cents"] == (None, 1_500)
    assert named["available"] == (None, 40)
    assert set(named) == {"unit_price_cents", "available", "max_per_store", "case_size", "cutoff_at"}


def test_what_is_not_said_comes_from_the_product(staff: Staff, quoted: Callable[..., str]) -> None:
    day = staff.planned()
    product = staff.product(case_size=12, series=quoted("30.00"))
    usual = staff.call("POST", f"/cycles/{day['id']}/offers", {"product_id": product}).json
    assert (usual["unit_price_cents"], usual["case_size"], usual["available"]) == (3_300, 12, None)
    other = staff.product(case_size=12)
    assert fields(staff.call("POST", f"/cycles/{day['id']}/offers", {"product_id": other})) == {"unit_price_cents"}
    each = staff.offer(day["id"], product_id=other, case_size=None).json
    assert each["case_size"] is None
    second = staff.planned()
    last = staff.call("POST", f"/cycles/{second['id']}/offers", {"product_id": other}).json
    assert last["unit_price_cents"] == 1_500


def test_up_to_500_at_once_all_or_none(world: Any, staff: Staff) -> None:
    day = staff.planned()
    path = f"/cycles/{day['id']}/offers"
    offers = [{"product_id": staff.product(), "unit_price_cents": 100 + n} for n in range(30)]
    answer = staff.call("POST", path, {"offers": offers})
    assert answer.status_code == 201, answer.text
    assert [item["unit_price_cents"] for item in answer.json["items"]] == [100 + n for n in range(30)]
    fresh = {"product_id": staff.product(), "unit_price_cents": 5}
    assert staff.call("POST", path, {"offers": [fresh, offers[3]]}).status_code == 422
    bad = {**fresh, "max_per_store": 0}
    assert fields(staff.call("POST", path, {"offers": [fresh, bad]})) == {"offers.1.max_per_store"}
    twice = staff.call("POST", path, {"offers": [fresh, fresh]})
    assert fields(twice) == {"offers.1.product_id"}
    assert world.value("SELECT count(*) FROM offers") == 30
    assert staff.call("POST", path, {"offers": []}).status_code == 422
    assert staff.call("POST", path, {"offers": [fresh] * 501}).status_code == 422


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"unit_price_cents": -1}, "unit_price_cents"),
        ({"unit_price_cents": 10**9}, "unit_price_cents"),
        ({"unit_price_cents": 10**30}, "unit_price_cents"),
        ({"unit_price_cents": "15"}, "unit_price_cents"),
        ({"unit_price_cents": 1.5}, "unit_price_cents"),
        ({"available": -1}, "available"),
        ({"available": 10**7}, "available"),
        ({"max_per_store": 0}, "max_per_store"),
        ({"case_size": 1}, "case_size"),
        ({"cutoff_at": ahead(days=9)}, "cutoff_at"),
        ({"cutoff_at": ahead(minutes=1)}, "cutoff_at"),
        ({"cutoff_at": "soon"}, "cutoff_at"),
        ({"product_id": "'; DROP TABLE offers; --"}, "product_id"),
        ({"product_id": str(uuid4())}, "product_id"),
        ({"name": "<script>"}, "name"),
    ],
)
def test_an_offer_that_makes_no_sense_names_the_field(staff: Staff, values: dict[str, object], wrong: str) -> None:
    assert fields(staff.offer(staff.planned()["id"], **values)) == {wrong}


def test_a_product_that_is_not_sold_any_more_is_not_offered(staff: Staff) -> None:
    answer = staff.offer(staff.planned()["id"], product_id=staff.product(active=False))
    assert fields(answer) == {"product_id"}


def test_stock_can_not_go_below_what_is_ordered_and_the_figure_is_said(
    world: Any, staff: Staff, transactions: Any
) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=10)
    order(world, transactions, cycle, (offer, 7))
    path = f"/cycles/{cycle}/offers/{offer}"
    refused = staff.call("PATCH", path, {"available": 6})
    assert fields(refused) == {"available"}
    assert "7 are ordered" in refused.json["errors"][0]["message"]
    assert staff.call("PATCH", path, {"available": 7}).json["remaining"] == 0
    assert staff.call("PATCH", path, {"available": 50}).json["remaining"] == 43


def test_a_limit_set_later_counts_what_was_ordered_before(world: Any, staff: Staff, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=None)
    order(world, transactions, cycle, (offer, 7))
    path = f"/cycles/{cycle}/offers/{offer}"
    assert fields(staff.call("PATCH", path, {"available": 6})) == {"available"}
    limited = staff.call("PATCH", path, {"available": 20}).json
    assert (limited["remaining"], limited["ordered"]) == (13, 7)
    free = staff.call("PATCH", path, {"available": None}).json
    assert (free["remaining"], free["ordered"]) == (None, 7)
    order(world, transactions, cycle, (offer, 100))
    assert staff.call("PATCH", path, {"available": 107}).json["remaining"] == 0


def test_each_change_is_one_version_one_event_and_one_line_of_the_trail(world: Any, staff: Staff) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=10, price=1_500)
    cutoff = ahead(minutes=30)
    changes: dict[str, object] = {
        "unit_price_cents": 1_700,
        "available": 12,
        "max_per_store": 3,
        "case_size": 4,
        "cutoff_at": cutoff,
    }
    for number, (name, value) in enumerate(changes.items(), start=2):
        body = {name: value, "reason": "frost in Oxnard"}
        answer = staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", body)
        assert (answer.status_code, answer.json["version"]) == (200, number), answer.text
        [entry] = staff.trail(offer)[:1]
        assert (entry["action"], entry["reason"]) == ("changed", "frost in Oxnard")
        assert entry["changes"][0]["field"] == name
        assert entry["changes"][0]["new"] is not None
    told = world.events("orders.offers.changed.v1")
    assert [event["offers"][0]["version"] for event in told] == [2, 3, 4, 5, 6]
    assert (told[-1]["offers"][0]["unit_price_cents"], told[-1]["offers"][0]["remaining"]) == (1_700, 12)
    assert staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", changes).json["version"] == 6


def test_a_changed_price_leaves_placed_lines_alone(world: Any, staff: Staff, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, price=1_500)
    order(world, transactions, cycle, (offer, 2))
    staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", {"unit_price_cents": 9_900})
    assert world.value("SELECT unit_price_cents FROM order_lines") == 1_500
    assert world.value("SELECT total_cents FROM orders") == 3_000


def test_a_price_above_a_lines_limit_drops_the_line_in_the_same_transaction(
    world: Any, staff: Staff, transactions: Any
) -> None:
    cycle = world.cycle()
    dear, kept = world.offer(cycle, price=1_500, available=10), world.offer(cycle, price=900)
    (buyer, store) = world.buyer()
    lines = (LineRequest(dear, 2, max_unit_price_cents=1_600), LineRequest(kept, 1))
    OrderDesk(transactions).place(PlaceOrder(buyer, cycle, store, lines), lambda order: Answer(201, order.id))
    for price, left in ((1_600, 8), (1_400, 8), (1_601, 10)):
        answer = staff.call("PATCH", f"/cycles/{cycle}/offers/{dear}", {"unit_price_cents": price})
        assert world.remaining(dear) == left
        assert (answer.json["remaining"], answer.json["ordered"]) == (left, 10 - left)
        # The answer is what stands: whoever goes on from it is not told that somebody else was quicker.
        version = world.value("SELECT version FROM offers WHERE id = CAST(:id AS uuid)", id=dear)
        assert (answer.json["version"], answer.headers["ETag"]) == (version, f'"{version}"')
    [event] = world.events("orders.order.amended.v1")
    assert [line["offer_id"] for line in event["lines"]] == [kept]
    assert event["actor"]["person_id"] == staff.actor.person_id
    assert "above the limit of $16.00" in event["reason"]
    versions = [
        (offer["version"], offer["remaining"])
        for told in world.events("orders.offers.changed.v1")
        for offer in told["offers"]
        if offer["offer_id"] == dear
    ]
    assert versions == sorted(versions, key=lambda told: told[0])
    assert versions[-1][1] == 10


def test_a_version_is_honoured_where_it_is_given(world: Any, staff: Staff) -> None:
    cycle = world.cycle()
    path = f"/cycles/{cycle}/offers/{world.offer(cycle)}"
    assert staff.call("PATCH", path, {"available": 11}, If_Match='"1"').status_code == 200
    late = staff.call("PATCH", path, {"available": 12}, If_Match='"1"')
    assert (late.status_code, late.json["title"]) == (412, "Somebody changed this offer in the meantime")
    assert staff.call("DELETE", path, If_Match='"1"').status_code == 412


def test_two_who_change_the_same_value_do_not_overwrite_each_other(world: Any, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, price=1_500)
    actor, desk = world.person(Role.STAFF), OffersDesk(transactions)

    def change(price: int) -> bool:
        command = EditOffer(actor, cycle, offer, {"unit_price_cents": price}, shown={"unit_price_cents": 1_500})
        try:
            desk.edit(command, given)
        except errors.VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(change, range(2_000, 2_008))) == 1


@pytest.mark.parametrize("state", ["closed", "packing", "done", "cancelled"])
def test_offers_of_a_day_that_takes_no_orders_any_more_stay(world: Any, staff: Staff, state: str) -> None:
    cycle = world.cycle(state=state, cutoff_in_s=-60)
    offer = world.offer(cycle)
    assert staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", {"available": 11}).status_code == 409
    assert staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}").status_code == 409
    assert staff.offer(cycle).status_code == 409
    assert staff.call("POST", f"/cycles/{cycle}/accept-suggestions", {}).status_code == 409


def test_an_offer_of_another_day_is_not_found(world: Any, staff: Staff) -> None:
    here, there = world.cycle(), world.cycle()
    offer = world.offer(there)
    assert staff.call("PATCH", f"/cycles/{here}/offers/{offer}", {"available": 11}).status_code == 404


def test_stock_adds_up_while_orders_come_in_and_staff_change_it(world: Any, transactions: Any) -> None:
    cycle = world.cycle()
    limited, free = world.offer(cycle, available=60), world.offer(cycle, available=None)
    actor, desk = world.person(Role.STAFF), OffersDesk(transactions)
    buyers = [world.buyer() for _ in range(12)]

    def buy(one: tuple[Actor, str]) -> None:
        command = PlaceOrder(one[0], cycle, one[1], (LineRequest(limited, 3), LineRequest(free, 2)))
        with contextlib.suppress(errors.SoldOut, errors.Invalid):
            OrderDesk(transactions).place(command, given)

    def change(number: int) -> None:
        available = [None, 30, 40, 25, None, 50][number]
        for offer in (limited, free):
            with contextlib.suppress(errors.Invalid):
                desk.edit(EditOffer(actor, cycle, offer, {"available": available}), given)

    def remove(_: int) -> None:
        desk.remove(RemoveOffer(actor, cycle, free), given)

    with ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(buy, one) for one in buyers]
        jobs += [pool.submit(change, number) for number in range(6)]
        jobs.append(pool.submit(remove, 0))
        for job in jobs:
            job.result()
    for offer in (limited, free):
        with contextlib.suppress(errors.NotFound):  # it was removed before anybody ordered it
            desk.edit(EditOffer(actor, cycle, offer, {"available": 500}), given)
    assert world.broken_offers() == []


def test_suggestions_are_accepted_all_at_once_but_for_stale_ones(
    world: Any, staff: Staff, quoted: Callable[..., str]
) -> None:
    cycle = world.cycle()
    fresh = world.offer(cycle, price=1_500, series_id=quoted("30.00"))
    stale = world.offer(cycle, price=1_500, series_id=quoted("40.00", days_ago=20))
    same = world.offer(cycle, price=3_300, series_id=quoted("30.00"))
    none = world.offer(cycle, price=1_500)
    path = f"/cycles/{cycle}/accept-suggestions"
    answer = staff.call("POST", path, {"fresh_only": True}, Idempotency_Key="k")
    assert answer.json == {"changed": 1, "unchanged": 1, "stale": 1}
    assert staff.call("POST", path, {"fresh_only": True}, Idempotency_Key="k").json == answer.json
    prices = {str(row.id): row.unit_price_cents for row in world.rows("SELECT id, unit_price_cents FROM offers")}
    assert prices == {fresh: 3_300, stale: 1_500, same: 3_300, none: 1_500}
    assert staff.call("POST", path).json == {"changed": 1, "unchanged": 2, "stale": 0}
    [entry] = staff.trail(fresh)
    assert (entry["action"], entry["reason"]) == ("accepted", "USDA Los Angeles, HC_FV010, 2026-01-08")
    one = world.offer(cycle, price=1, series_id=quoted("10.00"))
    assert staff.call("POST", path, {"offer_ids": [one]}).json == {"changed": 1, "unchanged": 0, "stale": 0}


def _three_thousand(world: Any, cycle: str, series: str) -> None:
    world.run(
        "INSERT INTO products (id, name, name_es, category, pack, series_id) SELECT gen_random_uuid(),"
        " repeat('🥑', 70) || n, repeat('ñ', 70) || n, 'fruit', 'carton', CAST(:series AS uuid)"
        " FROM generate_series(1, 3000) n",
        series=series,
    )
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining)"
        " SELECT gen_random_uuid(), CAST(:cycle AS uuid), id, 100, 10, 10 FROM products",
        cycle=cycle,
    )


def test_3000_offers_are_copied_priced_and_opened_by_few_statements(
    world: Any, staff: Staff, quoted: Callable[..., str], transactions: Any
) -> None:
    cycle = world.cycle()
    _three_thousand(world, cycle, quoted("30.00"))
    with counted() as copied:
        day = staff.call("POST", f"/cycles/{cycle}/copy").json
    assert day["offers"] == 3_000
    desk = PriceDesk(transactions, HUB, None)
    with counted() as priced:
        for wanted in (cycle, day["id"]):
            desk.accept(AcceptSuggestions(staff.actor, wanted), given)
    assert world.value("SELECT count(*) FROM offers WHERE unit_price_cents = 3000") == 6_000
    told = world.events("orders.offers.changed.v1")
    assert sum(len(event["offers"]) for event in told) == 3_000
    world.run("UPDATE cycles SET opens_at = clock_timestamp() - interval '1 second' WHERE state = 'scheduled'")
    with counted() as opened:
        clock.advance(transactions)
    told = world.events("orders.offers.changed.v1")
    assert sum(len(event["offers"]) for event in told) == 6_000
    assert world.value("SELECT max(length(body)) FROM outbox") < 256_000
    # Prices are taken in batches, so that no buyer waits long; each says the same few things, whatever its size.
    assert len(copied) <= 20
    assert len(priced) <= 6_000 / 20
    assert len(opened) <= 40

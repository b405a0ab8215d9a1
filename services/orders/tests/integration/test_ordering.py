"""Placing, amending and cancelling through the API, on a real database."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from orders.domain.people import Role


def key() -> str:
    return str(uuid4())


def body(cycle: str, store: str, *lines: tuple[str, int], **more: object) -> dict[str, object]:
    wishes = [{"offer_id": offer, "quantity": quantity} for offer, quantity in lines]
    return {"cycle_id": cycle, "store_id": store, "lines": wishes, **more}


def cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def slug(answer: Any) -> str:
    assert answer.content_type == "application/problem+json", answer.text
    problem = answer.json
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert {"title", "detail", "instance"} <= problem.keys()
    return str(problem["type"].removeprefix("https://mercadito.example/problems/"))


@pytest.fixture
def shop(world: Any, sign_in: Callable[..., Any]) -> Any:
    class Shop:
        buyer, store = world.buyer()
        cycle = world.cycle()
        limited = world.offer(cycle, available=10, price=1_500)
        unlimited = world.offer(cycle, available=None, price=250)
        api = sign_in(buyer)

        def place(self, *lines: tuple[str, int], idempotency: str | None = None, **more: object) -> Any:
            wanted = body(self.cycle, self.store, *lines, **more)
            return self.api.call("POST", "/orders", wanted, Idempotency_Key=idempotency or key())

        def amend(self, order: Any, *lines: tuple[str, int], etag: str | None = None, **more: object) -> Any:
            wanted = {"lines": body("", "", *lines)["lines"], **more}
            match = etag or f'"{order["version"]}"'
            return self.api.call("PUT", f"/orders/{order['id']}", wanted, If_Match=match)

        def cancel(self, order: Any, **headers: str) -> Any:
            return self.api.call("DELETE", f"/orders/{order['id']}", **headers)

    return Shop()


def test_an_order_takes_stock_and_is_told(world: Any, shop: Any) -> None:
    answer = shop.place((shop.limited, 2), (shop.unlimited, 3), note="Por atrás, por favor")
    assert answer.status_code == 201
    order = answer.json
    assert answer.headers["Location"] == f"/api/v1/orders/{order['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert (order["state"], order["total_cents"], order["note"]) == ("placed", 3_750, "Por atrás, por favor")
    assert order["editable_until"] is not None
    assert world.remaining(shop.limited) == 8
    assert world.remaining(shop.unlimited) is None
    placed, changed = world.events()[-2:]
    assert (placed["type"], placed["order_id"], placed["number"]) == (
        "orders.order.placed.v1",
        order["id"],
        order["number"],
    )
    assert placed["actor"] == {"person_id": shop.buyer.person_id, "role": "buyer"}
    assert changed["type"] == "orders.offers.changed.v1"
    assert [(one["offer_id"], one["remaining"], one["available"], one["version"]) for one in changed["offers"]] == [
        (shop.limited, 8, 10, 2)
    ]


def test_what_was_placed_can_be_read_again_with_its_etag(shop: Any) -> None:
    placed = shop.place((shop.limited, 2))
    read = shop.api.call("GET", f"/orders/{placed.json['id']}")
    assert (read.json, read.headers["ETag"]) == (placed.json, placed.headers["ETag"])


def test_every_change_is_in_the_audit_trail_with_old_and_new(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 2)).json
    order = shop.amend(order, (shop.limited, 3)).json
    shop.cancel(order)
    rows = world.rows("SELECT entity, action, person_id, changes, reason FROM audit ORDER BY id")
    of_order = [(row.action, row.changes[0]["old"], row.changes[0]["new"]) for row in rows if row.entity == "order"]
    of_stock = [(row.changes[0]["old"], row.changes[0]["new"]) for row in rows if row.entity == "offer"]
    assert of_order == [("placed", None, 2), ("amended", 2, 3), ("cancelled", "placed", "cancelled")]
    assert of_stock == [(10, 8), (8, 7), (7, 10)]
    assert {str(row.person_id) for row in rows} == {shop.buyer.person_id}


def test_amending_moves_only_the_difference_and_raises_the_version(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 9)).json
    answer = shop.amend(order, (shop.limited, 10), (shop.unlimited, 1), note="more")
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    assert world.remaining(shop.limited) == 0
    assert answer.json["note"] == "more"
    assert [event["type"] for event in world.events()[-2:]] == ["orders.order.amended.v1", "orders.offers.changed.v1"]
    answer = shop.amend(answer.json, (shop.unlimited, 1))
    assert world.remaining(shop.limited) == 10
    assert [line["offer_id"] for line in answer.json["lines"]] == [shop.unlimited]
    assert answer.json["note"] == "more"  # not said again, so kept


def test_amending_to_the_same_changes_nothing_and_tells_nobody(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 2)).json
    told = len(world.events())
    answer = shop.amend(order, (shop.limited, 2))
    assert (answer.status_code, answer.json["version"]) == (200, 1)
    assert len(world.events()) == told


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', "*", '"7", "1"'])
def test_every_form_of_a_matching_etag_is_accepted(shop: Any, etag: str) -> None:
    order = shop.place((shop.limited, 2)).json
    assert shop.amend(order, (shop.limited, 3), etag=etag).status_code == 200


@pytest.mark.parametrize("etag", ['"2"', '"abc"', '"99999999999999999999"', '"0"', '"2", "3"'])
def test_an_order_that_changed_meanwhile_is_not_overwritten(world: Any, shop: Any, etag: str) -> None:
    order = shop.place((shop.limited, 2)).json
    answer = shop.amend(order, (shop.limited, 3), etag=etag)
    assert (answer.status_code, slug(answer)) == (412, "version-conflict")
    assert answer.json["version"] == 1
    assert world.remaining(shop.limited) == 8


def test_an_amendment_without_a_condition_is_refused(shop: Any) -> None:
    order = shop.place((shop.limited, 2)).json
    answer = shop.api.call("PUT", f"/orders/{order['id']}", {"lines": [{"offer_id": shop.limited, "quantity": 1}]})
    assert (answer.status_code, slug(answer)) == (428, "precondition-required")


@pytest.mark.parametrize("condition", ["", " ", ","])
def test_an_empty_condition_is_none(world: Any, shop: Any, condition: str) -> None:
    order = shop.place((shop.limited, 2)).json
    wanted = {"lines": [{"offer_id": shop.limited, "quantity": 5}]}
    answer = shop.api.call("PUT", f"/orders/{order['id']}", wanted, If_Match=condition)
    assert answer.status_code in (412, 428), answer.text
    assert world.remaining(shop.limited) == 8


def test_a_tag_without_text_names_no_version(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 2)).json
    assert slug(shop.amend(order, (shop.limited, 5), etag='""')) == "version-conflict"
    assert slug(shop.cancel(order, If_Match='W/""')) == "version-conflict"
    assert world.remaining(shop.limited) == 8


def test_cancelling_gives_the_stock_back_once(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 4)).json
    assert shop.cancel(order, If_Match='"9"').status_code == 412
    assert shop.cancel(order, If_Match='"1"').status_code == 204
    assert world.remaining(shop.limited) == 10
    told = len(world.events())
    assert shop.cancel(order).status_code == 204
    assert (world.remaining(shop.limited), len(world.events())) == (10, told)
    assert shop.api.call("GET", f"/orders/{order['id']}").json["state"] == "cancelled"


def test_a_cancelled_order_can_not_be_amended_and_makes_room_for_a_new_one(shop: Any) -> None:
    order = shop.place((shop.limited, 4)).json
    shop.cancel(order)
    answer = shop.amend({**order, "version": 2}, (shop.limited, 1))
    assert (answer.status_code, slug(answer)) == (409, "order-not-editable")
    assert shop.place((shop.limited, 4)).status_code == 201


def test_a_second_order_is_refused_and_the_first_is_named(shop: Any) -> None:
    order = shop.place((shop.limited, 4)).json
    answer = shop.place((shop.unlimited, 1))
    assert (answer.status_code, slug(answer), answer.json["order_id"]) == (409, "order-exists", order["id"])


def test_all_short_lines_are_named_and_nothing_is_taken(world: Any, shop: Any) -> None:
    second, third = world.offer(shop.cycle, available=1), world.offer(shop.cycle, available=0)
    answer = shop.place((shop.limited, 5), (second, 2), (third, 1))
    assert (answer.status_code, slug(answer)) == (409, "sold-out")
    assert answer.json["shortages"] == [
        {"offer_id": second, "requested": 2, "remaining": 1},
        {"offer_id": third, "requested": 1, "remaining": 0},
    ]
    assert world.remaining(shop.limited) == 10
    assert world.events("orders.order.placed.v1") == []
    assert world.value("SELECT count(*) FROM audit") == 0


def test_partial_says_for_each_line_how_much_is_missing(world: Any, shop: Any) -> None:
    second, third = world.offer(shop.cycle, available=1), world.offer(shop.cycle, available=0)
    answer = shop.place((shop.limited, 5), (second, 2), (third, 1), on_shortage="partial")
    assert answer.status_code == 201
    assert [(line["quantity"], line["shorted"]) for line in answer.json["lines"]] == [(5, 0), (1, 1), (0, 1)]
    assert answer.json["total_cents"] == 6 * 1_500


def test_a_price_that_is_not_the_expected_one_is_told(shop: Any) -> None:
    lines = [{"offer_id": shop.limited, "quantity": 1, "expected_unit_price_cents": 1_499}]
    wanted = {"cycle_id": shop.cycle, "store_id": shop.store, "lines": lines}
    answer = shop.api.call("POST", "/orders", wanted, Idempotency_Key=key())
    assert (answer.status_code, slug(answer)) == (409, "price-changed")
    assert answer.json["prices"] == [{"offer_id": shop.limited, "unit_price_cents": 1_500}]


def test_a_line_above_its_limit_is_dropped(world: Any, shop: Any) -> None:
    lines = [
        {"offer_id": shop.limited, "quantity": 2, "max_unit_price_cents": 1_499},
        {"offer_id": shop.unlimited, "quantity": 2, "max_unit_price_cents": 250},
    ]
    wanted = {"cycle_id": shop.cycle, "store_id": shop.store, "lines": lines}
    answer = shop.api.call("POST", "/orders", wanted, Idempotency_Key=key())
    assert [(line["quantity"], line["shorted"]) for line in answer.json["lines"]] == [(0, 2), (2, 0)]
    assert world.remaining(shop.limited) == 10


def test_the_cutoff_is_judged_by_the_database_and_not_by_the_state(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 1)).json
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp()")
    for answer in (shop.amend(order, (shop.limited, 2)), shop.cancel(order)):
        assert (answer.status_code, slug(answer)) == (409, "cycle-closed")
    assert shop.api.call("GET", f"/orders/{order['id']}").json["editable_until"] is None


@pytest.mark.parametrize("state", ["scheduled", "closed", "packing", "done", "cancelled"])
def test_a_day_that_is_not_open_takes_no_orders(world: Any, shop: Any, state: str) -> None:
    world.run("UPDATE cycles SET state = :state", state=state)
    answer = shop.place((shop.limited, 1))
    assert (answer.status_code, slug(answer)) == (409, "cycle-closed")


def test_a_cutoff_that_passes_while_waiting_for_a_lock_counts(world: Any, shop: Any, engine: Any) -> None:
    """The request arrives in time, then waits for somebody's row lock until it is too late."""
    import threading  # noqa: PLC0415 - only here

    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() + interval '700 milliseconds'")
    answers: list[Any] = []
    with engine.connect() as other, other.begin():
        other.execute(text("SELECT 1 FROM offers WHERE id = CAST(:id AS uuid) FOR UPDATE"), {"id": shop.limited})
        waiting = threading.Thread(target=lambda: answers.append(shop.place((shop.limited, 1))))
        waiting.start()
        other.execute(text("SELECT pg_sleep(1)"))
    waiting.join()
    assert (answers[0].status_code, slug(answers[0])) == (409, "cycle-closed")
    assert world.remaining(shop.limited) == 10


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"offer_id": "x", "quantity": 1}]}, "lines.0.offer_id"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": 1}]}, "lines.0.offer_id"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": 1.5}]}, "lines.0.quantity"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": "1"}]}, "lines.0.quantity"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": True}]}, "lines.0.quantity"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": 10**40}]}, "lines.0.quantity"),
        ({"lines": [{"offer_id": str(uuid4()), "quantity": 1, "price": 1}]}, "lines.0.price"),
        ({"state": "delivered"}, "state"),
        ({"user_id": str(uuid4())}, "user_id"),
        ({"note": "x" * 1_001}, "note"),
        ({"note": "a\x00b"}, "note"),
        ({"on_shortage": "whatever"}, "on_shortage"),
        ({"cycle_id": "1; DROP TABLE orders"}, "cycle_id"),
        ({"cycle_id": str(uuid4())}, "cycle_id"),
    ],
)
def test_fields_that_make_no_sense_are_named(shop: Any, change: dict[str, object], field: str) -> None:
    wanted = {**body(shop.cycle, shop.store, (shop.limited, 1)), **change}
    answer = shop.api.call("POST", "/orders", wanted, Idempotency_Key=key())
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    assert answer.json["errors"][0]["field"] == field
    assert answer.json["errors"][0]["message"]


def test_a_store_can_not_take_more_than_its_share(world: Any, shop: Any) -> None:
    shared = world.offer(shop.cycle, max_per_store=3)
    answer = shop.place((shared, 4))
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    assert shop.place((shared, 3)).status_code == 201


def test_ids_may_be_written_in_capitals(shop: Any) -> None:
    wanted = body(shop.cycle.upper(), shop.store.upper(), (shop.limited.upper(), 1))
    assert shop.api.call("POST", "/orders", wanted, Idempotency_Key=key()).status_code == 201


def test_a_buyer_neither_sees_nor_changes_another_stores_order(world: Any, shop: Any, sign_in: Any) -> None:
    order = shop.place((shop.limited, 1)).json
    stranger, _ = world.buyer()
    other = sign_in(stranger)
    path = f"/orders/{order['id']}"
    lines = {"lines": [{"offer_id": shop.limited, "quantity": 1}]}
    for answer in (
        other.call("GET", path),
        other.call("PUT", path, lines, If_Match='"1"'),
        other.call("PUT", path, lines, If_Match='"1", "2"'),
        other.call("DELETE", path),
    ):
        assert (answer.status_code, slug(answer)) == (404, "not-found")
    assert other.call("GET", "/orders").json["items"] == []
    assert other.call("GET", f"/orders?store_id={shop.store}").json["items"] == []
    foreign = other.call("POST", "/orders", body(shop.cycle, shop.store, (shop.limited, 1)), Idempotency_Key=key())
    assert (foreign.status_code, slug(foreign)) == (403, "forbidden")


def test_staff_may_order_for_any_store(world: Any, shop: Any, sign_in: Any) -> None:
    staff = sign_in(world.person(Role.STAFF))
    placed = staff.call("POST", "/orders", body(shop.cycle, shop.store, (shop.limited, 1)), Idempotency_Key=key())
    assert placed.status_code == 201
    assert world.events("orders.order.placed.v1")[0]["actor"]["role"] == "staff"
    missing = staff.call("POST", "/orders", body(shop.cycle, str(uuid4()), (shop.limited, 1)), Idempotency_Key=key())
    assert (missing.status_code, slug(missing)) == (422, "invalid")


def test_a_store_that_was_closed_down_can_not_order(world: Any, shop: Any) -> None:
    world.run("UPDATE stores SET active = false")
    answer = shop.place((shop.limited, 1))
    assert (answer.status_code, slug(answer)) == (403, "forbidden")


def test_orders_come_newest_first_in_pages(world: Any, shop: Any, sign_in: Any) -> None:
    numbers = []
    for _ in range(5):
        order = shop.place((shop.limited, 1)).json
        numbers.append(order["number"])
        shop.cancel(order)
    seen, path = [], "/orders?limit=2"
    while path:
        page = shop.api.call("GET", path).json
        assert len(page["items"]) <= 2
        seen += [order["number"] for order in page["items"]]
        path = page["next"] and page["next"].removeprefix("/api/v1")
    assert seen == numbers[::-1]


def test_orders_can_be_asked_for_by_day_store_and_change(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 1)).json
    assert len(shop.api.call("GET", f"/orders?cycle_id={shop.cycle}&store_id={shop.store}").json["items"]) == 1
    assert shop.api.call("GET", f"/orders?cycle_id={uuid4()}").json["items"] == []
    since = order["updated_at"].replace("+", "%2B")
    assert len(shop.api.call("GET", f"/orders?updated_since={since}").json["items"]) == 1
    assert shop.api.call("GET", "/orders?updated_since=2999-01-01T00:00:00Z").json["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1e9",
        "limit=٣",
        "cursor=x",
        "cursor=WyJhIl0",
        f"cursor={cursor('[Infinity]')}",
        f"cursor={cursor('[99999999999999999999]')}",
        f"cursor={cursor('[' * 3_000)}",
        "cycle_id=1",
        "updated_since=yesterday",
        "updated_since=2026-01-08T00:00:00",
        "updated_since=0001-01-01T00:00:00%2B14:00",
        "updated_since=9999-12-31T23:59:59-12:00",
    ],
)
def test_nonsense_in_a_query_is_refused(shop: Any, query: str) -> None:
    answer = shop.api.call("GET", f"/orders?{query}")
    assert (answer.status_code, slug(answer)) == (422, "invalid")


@pytest.mark.parametrize(
    "position",
    [
        '["fruit", "a\\u0000b", "00000000-0000-4000-8000-000000000000"]',
        '["fruit", "\\ud800", "00000000-0000-4000-8000-000000000000"]',
        "[[]]",
    ],
)
def test_a_forged_cursor_of_offers_is_refused(shop: Any, position: str) -> None:
    answer = shop.api.call("GET", f"/cycles/{shop.cycle}/offers?cursor={cursor(position)}")
    assert (answer.status_code, slug(answer)) == (422, "invalid")


@pytest.mark.parametrize("at", ["2026-01-08T00:00:00", "0001-01-01T00:00:00+14:00"])
def test_a_forged_cursor_of_days_is_no_server_error(shop: Any, at: str) -> None:
    forged = cursor(f'["{at}", "00000000-0000-4000-8000-000000000000"]')
    assert shop.api.call("GET", f"/cycles?cursor={forged}").status_code in (200, 422)

"""An offer that closes earlier than its day, and prices that move under a placed order."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.test_ordering import key, shop, slug

__all__ = ["shop"]


def close(world: Any, offer: str) -> None:
    world.run("UPDATE offers SET cutoff_at = clock_timestamp() - interval '1 s' WHERE id = CAST(:id AS uuid)", id=offer)


def reprice(world: Any, offer: str, cents: int) -> None:
    world.run("UPDATE offers SET unit_price_cents = :cents WHERE id = CAST(:id AS uuid)", id=offer, cents=cents)


def closed_ones(answer: Any) -> list[str]:
    assert (answer.status_code, slug(answer)) == (409, "cycle-closed"), answer.text
    assert all(one["cutoff_at"].endswith("Z") for one in answer.json["offers"])
    return [one["offer_id"] for one in answer.json["offers"]]


def test_a_closed_offer_can_not_be_ordered_and_is_named(world: Any, shop: Any) -> None:
    close(world, shop.limited)
    assert closed_ones(shop.place((shop.limited, 1), (shop.unlimited, 1))) == [shop.limited]
    assert world.remaining(shop.limited) == 10
    assert shop.place((shop.unlimited, 1)).status_code == 201


def test_its_line_can_not_be_changed_but_stays_while_others_change(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 3), (shop.unlimited, 1)).json
    close(world, shop.limited)
    for lines in (((shop.limited, 4), (shop.unlimited, 1)), ((shop.limited, 2),), ((shop.unlimited, 1),)):
        assert closed_ones(shop.amend(order, *lines)) == [shop.limited]
    answer = shop.amend(order, (shop.limited, 3), (shop.unlimited, 9))
    assert [line["quantity"] for line in answer.json["lines"]] == [3, 9]
    assert world.remaining(shop.limited) == 7


def test_an_order_with_such_a_line_can_not_be_cancelled_as_a_whole(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 3), (shop.unlimited, 1)).json
    close(world, shop.limited)
    assert closed_ones(shop.cancel(order)) == [shop.limited]
    assert shop.amend(order, (shop.limited, 3)).status_code == 200


def test_the_own_cutoff_is_judged_when_the_locks_are_held(world: Any, shop: Any, engine: Any) -> None:
    import threading  # noqa: PLC0415 - only here

    world.run("UPDATE offers SET cutoff_at = clock_timestamp() + interval '700 milliseconds'")
    answers: list[Any] = []
    with engine.connect() as other, other.begin():
        other.execute(text("SELECT 1 FROM offers WHERE id = CAST(:id AS uuid) FOR UPDATE"), {"id": shop.limited})
        waiting = threading.Thread(target=lambda: answers.append(shop.place((shop.limited, 1))))
        waiting.start()
        other.execute(text("SELECT pg_sleep(1)"))
    waiting.join()
    assert closed_ones(answers[0]) == [shop.limited]


def wishes(*lines: tuple[str, int, int | None]) -> dict[str, Any]:
    return {
        "lines": [
            {"offer_id": offer, "quantity": quantity, "expected_unit_price_cents": expected}
            for offer, quantity, expected in lines
        ]
    }


def put(shop: Any, order: Any, body: dict[str, Any]) -> Any:
    return shop.api.call("PUT", f"/orders/{order['id']}", body, If_Match=f'"{order["version"]}"')


def test_a_changed_price_does_not_change_a_placed_line_until_it_grows(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 3), (shop.unlimited, 1)).json
    reprice(world, shop.limited, 2_000)
    order = put(shop, order, wishes((shop.limited, 2, 1_500), (shop.unlimited, 2, None))).json
    assert [line["unit_price_cents"] for line in order["lines"]] == [1_500, 250]
    refused = put(shop, order, wishes((shop.limited, 3, 1_500), (shop.unlimited, 2, None)))
    assert slug(refused) == "price-changed"
    assert refused.json["prices"] == [{"offer_id": shop.limited, "unit_price_cents": 2_000}]
    order = put(shop, order, wishes((shop.limited, 3, 2_000), (shop.unlimited, 2, None))).json
    assert (order["lines"][0]["unit_price_cents"], order["total_cents"]) == (2_000, 6_500)
    changes = world.value("SELECT changes FROM audit WHERE entity = 'order' ORDER BY id DESC LIMIT 1")
    assert {(one["field"], one["old"], one["new"]) for one in changes} == {
        ("quantity", 2, 3),
        ("unit_price_cents", 1_500, 2_000),
    }


def test_saving_an_order_as_it_is_after_a_price_change_changes_nothing(world: Any, shop: Any) -> None:
    order = shop.place((shop.limited, 3)).json
    reprice(world, shop.limited, 2_000)
    assert put(shop, order, wishes((shop.limited, 3, 2_000))).json["version"] == 1


def test_a_limit_is_kept_until_another_is_said_or_null(shop: Any) -> None:
    line = {"offer_id": shop.limited, "quantity": 2, "max_unit_price_cents": 1_800}
    wanted = {"cycle_id": shop.cycle, "store_id": shop.store, "lines": [line]}
    order = shop.api.call("POST", "/orders", wanted, Idempotency_Key=key()).json
    assert order["lines"][0]["max_unit_price_cents"] == 1_800
    order = put(shop, order, {"lines": [{"offer_id": shop.limited, "quantity": 3}]}).json
    assert order["lines"][0]["max_unit_price_cents"] == 1_800
    order = put(shop, order, {"lines": [{**line, "max_unit_price_cents": 1_600}]}).json
    assert order["lines"][0]["max_unit_price_cents"] == 1_600
    order = put(shop, order, {"lines": [{**line, "max_unit_price_cents": None}]}).json
    assert order["lines"][0]["max_unit_price_cents"] is None
    read = shop.api.call("GET", f"/orders/{order['id']}").json
    assert read == order


def test_staff_write_down_what_a_store_says_on_the_phone(world: Any, shop: Any, sign_in: Any) -> None:
    from orders.domain.people import Role  # noqa: PLC0415 - only here

    staff = sign_in(world.person(Role.STAFF))
    lines = [{"offer_id": shop.limited, "quantity": 2}]
    wanted = {"cycle_id": shop.cycle, "store_id": shop.store, "lines": lines, "reason": "by phone"}
    assert slug(shop.api.call("POST", "/orders", wanted, Idempotency_Key=key())) == "invalid"
    order = staff.call("POST", "/orders", wanted, Idempotency_Key=key()).json
    assert world.events("orders.order.placed.v1")[0]["reason"] == "by phone"
    assert staff.call("DELETE", f"/orders/{order['id']}?reason=Closed%20on%20Friday").status_code == 204
    assert world.events("orders.order.cancelled.v1")[0]["reason"] == "Closed on Friday"
    assert [row.reason for row in world.rows("SELECT reason FROM audit WHERE entity = 'order' ORDER BY id")] == [
        "by phone",
        "Closed on Friday",
    ]


@pytest.mark.parametrize("reason", ["x" * 201, "a\x00b", "standing order", "Standing Order ", 7, None])
def test_a_reason_that_is_none_is_refused(shop: Any, reason: object) -> None:
    assert slug(shop.place((shop.limited, 1), reason=reason)) == "invalid"


@pytest.mark.parametrize("reason", ["x" * 201, "a%00b", "standing order"])
def test_a_reason_to_cancel_that_is_none_is_refused(shop: Any, reason: str) -> None:
    order = shop.place((shop.limited, 1)).json
    assert slug(shop.api.call("DELETE", f"/orders/{order['id']}?reason={reason}")) == "invalid"


def test_how_full_a_case_is_is_told_with_every_order(world: Any, shop: Any, sign_in: Any) -> None:
    world.run("UPDATE offers SET case_size = 12")
    order = shop.place((shop.limited, 2), (shop.unlimited, 5)).json
    told = world.events("orders.offers.changed.v1")[-1]["offers"]
    assert {one["offer_id"]: (one["ordered"], one["case_size"], one["version"]) for one in told} == {
        shop.limited: (2, 12, 2),
        shop.unlimited: (5, 12, 2),
    }
    buyer, store = world.buyer()
    other = {"cycle_id": shop.cycle, "store_id": store, "lines": [{"offer_id": shop.unlimited, "quantity": 9}]}
    assert sign_in(buyer).call("POST", "/orders", other, Idempotency_Key=key()).status_code == 201
    assert [one["ordered"] for one in world.events("orders.offers.changed.v1")[-1]["offers"]] == [14]
    offers = {one["id"]: one for one in shop.api.call("GET", "/cycles/current").json["offers"]}
    assert (offers[shop.unlimited]["ordered"], offers[shop.unlimited]["case_missing"]) == (14, 10)
    assert (offers[shop.limited]["ordered"], offers[shop.limited]["case_missing"]) == (2, 10)
    shop.cancel(order)
    assert {one["ordered"] for one in world.events("orders.offers.changed.v1")[-1]["offers"]} == {0, 9}


def test_without_a_case_an_unlimited_offer_is_neither_counted_nor_told(world: Any, shop: Any) -> None:
    shop.place((shop.unlimited, 5))
    assert world.events("orders.offers.changed.v1") == []
    [offer] = [one for one in shop.api.call("GET", "/cycles/current").json["offers"] if one["id"] == shop.unlimited]
    assert [offer[name] for name in ("ordered", "case_size", "case_missing", "cutoff_at")] == [None] * 4

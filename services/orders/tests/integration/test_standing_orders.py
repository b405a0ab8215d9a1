"""Standing orders: kept through the API, placed by the clock when a day opens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from orders.adapters.standing_orders import SqlStandingOrders
from orders.application import clock, standing_placement
from orders.domain import errors
from orders.domain.people import Role
from tests.integration.test_ordering import key, shop, slug

__all__ = ["shop"]


def product(world: Any, offer: str) -> str:
    return str(world.value("SELECT product_id FROM offers WHERE id = CAST(:id AS uuid)", id=offer))


def lines(*wanted: tuple[str, int] | tuple[str, int, int]) -> list[dict[str, Any]]:
    return [
        {"product_id": one[0], "quantity": one[1], **({"max_unit_price_cents": one[2]} if len(one) == 3 else {})}
        for one in wanted
    ]


class Standing:
    """A buyer's API for the store's standing order."""

    def __init__(self, api: Any, store: str) -> None:
        self.api, self.path = api, f"/stores/{store}/standing-order"

    def put(self, *wanted: Any, **more: Any) -> Any:
        headers = {"If_Match": more.pop("etag")} if "etag" in more else {}
        return self.api.call("PUT", self.path, {"lines": lines(*wanted), **more}, **headers)

    def get(self) -> Any:
        return self.api.call("GET", self.path)

    def delete(self, **headers: str) -> Any:
        return self.api.call("DELETE", self.path, **headers)


@pytest.fixture
def standing(shop: Any) -> Standing:
    return Standing(shop.api, shop.store)


@pytest.fixture
def next_day(world: Any, shop: Any) -> Callable[..., dict[str, str]]:
    """Plan a day that is due to open, with offers of the products that other days offer; offers by product."""

    def make(**limits: Any) -> dict[str, str]:
        cycle = world.cycle(state="scheduled", opens_in_s=-1, cutoff_in_s=9_000)
        world.run(
            "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining) SELECT"
            " gen_random_uuid(), CAST(:new AS uuid), product_id, unit_price_cents, available, available FROM offers"
            " WHERE cycle_id = CAST(:old AS uuid)",
            new=cycle,
            old=shop.cycle,
        )
        rows = world.rows("SELECT id, product_id FROM offers WHERE cycle_id = CAST(:id AS uuid)", id=cycle)
        return {"cycle": cycle, **{str(row.product_id): str(row.id) for row in rows}}

    return make


def test_it_is_made_read_replaced_and_given_up_by_its_etag(world: Any, shop: Any, standing: Standing) -> None:
    apples, rice = product(world, shop.limited), product(world, shop.unlimited)
    assert slug(standing.get()) == "not-found"
    made = standing.put((apples, 2, 1_800), (rice, 1), note="Por atrás")
    assert (made.status_code, made.headers["ETag"], made.json["active"]) == (201, '"1"', True)
    assert [line["product_id"] for line in made.json["lines"]] == [apples, rice]
    assert slug(standing.put((apples, 3))) == "precondition-required"
    assert slug(standing.put((apples, 3), etag='"7"')) == "version-conflict"
    changed = standing.put((apples, 3), etag='W/"1"', active=False)
    assert (changed.status_code, changed.json["version"], changed.json["note"]) == (200, 2, "")
    assert standing.get().headers["ETag"] == '"2"'
    assert not standing.get().json["active"]
    assert standing.delete(If_Match='"1"').status_code == 412
    assert standing.delete(If_Match='"2"').status_code == 204
    assert standing.get().status_code == standing.delete().status_code == 404
    assert slug(standing.put((apples, 3), etag="*")) == "version-conflict"
    trail = world.rows("SELECT action, changes FROM audit WHERE entity = 'standing_order' ORDER BY id")
    assert [row.action for row in trail] == ["saved", "saved", "removed"]
    assert {"field": "quantity", "old": 2, "new": 3, "product_id": apples} in trail[1].changes


@pytest.mark.parametrize(
    "body",
    [
        {"lines": []},
        {"lines": [{"product_id": "x", "quantity": 1}]},
        {"lines": [{"product_id": str(uuid4()), "quantity": 1}]},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1)) * 2},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 0))},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 10**20))},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1, -1))},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1, 2**31))},
        {"lines": lines(*[(str(uuid4()), 1) for _ in range(201)])},
        {"lines": "all of it"},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1)), "note": "x" * 1_001},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1)), "note": "a\x00"},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1)), "active": "yes"},
        {"lines": lines(("00000000-0000-4000-8000-000000000000", 1)), "saved_by": str(uuid4())},
    ],
)
def test_what_makes_no_sense_is_refused(shop: Any, standing: Standing, body: dict[str, Any]) -> None:
    assert slug(shop.api.call("PUT", standing.path, body)) == "invalid"


def test_it_is_the_stores_own(world: Any, shop: Any, standing: Standing, sign_in: Any) -> None:
    apples = product(world, shop.limited)
    standing.put((apples, 2))
    stranger = Standing(sign_in(world.buyer()[0]), shop.store)
    for answer in (stranger.get(), stranger.put((apples, 1)), stranger.put((apples, 1), etag='"1"'), stranger.delete()):
        assert (answer.status_code, slug(answer)) == (404, "not-found")
    staff = Standing(sign_in(world.person(Role.STAFF)), shop.store)
    assert staff.put((apples, 4), etag='"1"').status_code == 200
    assert slug(Standing(staff.api, str(uuid4())).put((apples, 1))) == "not-found"


def test_two_who_make_it_at_once_make_one(world: Any, shop: Any, standing: Standing) -> None:
    apples = product(world, shop.limited)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: standing.put((apples, n)), range(1, 7)))
    assert sorted(answer.status_code for answer in answers) == [201, 428, 428, 428, 428, 428]


def test_when_a_day_opens_it_is_placed_once_by_who_saved_it(
    world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any
) -> None:
    apples, rice = product(world, shop.limited), product(world, shop.unlimited)
    standing.put((apples, 2, 1_800), (rice, 3), note="Por atrás")
    day = next_day()
    clock.advance(transactions)
    assert clock.advance(transactions) == 0
    [placed] = world.events("orders.order.placed.v1")
    assert (placed["cycle_id"], placed["reason"], placed["note"]) == (day["cycle"], "standing order", "Por atrás")
    assert placed["actor"] == {"person_id": shop.buyer.person_id, "role": "buyer"}
    assert [(line["offer_id"], line["quantity"]) for line in placed["lines"]] == [(day[apples], 2), (day[rice], 3)]
    order = shop.api.call("GET", f"/orders/{placed['order_id']}").json
    assert order["lines"][0]["max_unit_price_cents"] == 1_800
    run, late = standing.get().json["runs"]
    assert (run["outcome"], run["order_number"], run["drops"]) == ("placed", placed["number"], [])
    # The day that was open when it was saved: nobody expects an order from it.
    assert (late["cycle_id"], late["outcome"], late["order_id"]) == (shop.cycle, "saved_later", None)


def test_every_drop_is_explained(world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any) -> None:
    gone = {name: product(world, world.offer(shop.cycle, name=name)) for name in ("A", "B", "C", "D", "E", "F")}
    standing.put(*((one, 5) for one in gone.values()), (product(world, shop.unlimited), 1))
    standing.put(
        *((gone[name], 5) for name in "ABCDE"), (gone["F"], 5, 1_400), (product(world, shop.unlimited), 1), etag='"1"'
    )
    day = next_day()
    world.run("DELETE FROM offers WHERE id = CAST(:id AS uuid)", id=day[gone["A"]])
    for name, change in (
        ("B", "cutoff_at = clock_timestamp()"),
        ("C", "remaining = 0, available = 0"),
        ("D", "remaining = 2, available = 2"),
        ("E", "max_per_store = 3"),
    ):
        world.run(f"UPDATE offers SET {change} WHERE id = CAST(:id AS uuid)", id=day[gone[name]])
    clock.advance(transactions)
    [placed] = world.events("orders.order.placed.v1")
    assert [(line["name"], line["quantity"], line["shorted"]) for line in placed["lines"]] == [
        ("D", 2, 3),
        ("E", 3, 0),
        (placed["lines"][2]["name"], 1, 0),
    ]
    drops = standing.get().json["runs"][0]["drops"]
    assert [(one["name"], one["reason"], one["wanted"], one["given"]) for one in drops] == [
        ("A", "not_offered", 5, 0),
        ("B", "offer_closed", 5, 0),
        ("C", "sold_out", 5, 0),
        ("D", "short", 5, 2),
        ("E", "store_limit", 5, 3),
        ("F", "price_limit", 5, 0),
    ]
    assert (drops[5]["limit_cents"], drops[5]["price_cents"]) == (1_400, 1_500)
    told = {one["name"]: (one["field"], one["old"], one["new"]) for one in placed["changes"] if "name" in one}
    assert told["A"] == ("not_offered", 5, 0)
    assert told["F"] == ("price_limit", 1_400, 1_500)


def test_what_staff_take_out_in_the_very_moment_is_not_offered(
    world: Any, standing: Standing, transactions: Any, next_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, read = next_day(), SqlStandingOrders.offers_of
    gone, kept = [one for one in day if one != "cycle"]
    standing.put((gone, 2), (kept, 1))

    def meanwhile(*arguments: Any) -> Any:
        found = read(*arguments)
        world.run("DELETE FROM offers WHERE id = CAST(:id AS uuid)", id=day[gone])
        return found

    monkeypatch.setattr(SqlStandingOrders, "offers_of", meanwhile)
    clock.advance(transactions)
    assert [drop["reason"] for drop in standing.get().json["runs"][0]["drops"]] == ["not_offered"]


def test_what_has_nothing_left_makes_no_order_and_says_so(
    world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any
) -> None:
    apples = product(world, shop.limited)
    standing.put((apples, 2))
    day = next_day()
    world.run("UPDATE offers SET remaining = 0, available = 0 WHERE id = CAST(:id AS uuid)", id=day[apples])
    clock.advance(transactions)
    run = standing.get().json["runs"][0]
    assert (run["outcome"], run["order_id"], run["drops"][0]["reason"]) == ("nothing_left", None, "sold_out")
    assert world.value("SELECT count(*) FROM orders") == 0


@pytest.mark.parametrize("why", ["paused", "given up", "inactive", "has an order", "past the cutoff", "worth too much"])
def test_what_is_not_to_be_placed_is_not(
    world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any, *, why: str
) -> None:
    rice = product(world, shop.unlimited)
    standing.put((rice, 10_000))
    day = next_day()
    if why == "paused":
        standing.put((rice, 1), etag='"1"', active=False)
    if why == "given up":
        standing.delete()
    if why == "inactive":
        world.run("UPDATE stores SET active = false")
    if why == "has an order":
        world.run("UPDATE cycles SET state = 'open' WHERE id = CAST(:id AS uuid)", id=day["cycle"])
        wanted = {"cycle_id": day["cycle"], "store_id": shop.store, "lines": [{"offer_id": day[rice], "quantity": 1}]}
        assert shop.api.call("POST", "/orders", wanted, Idempotency_Key=key()).status_code == 201
    if why == "past the cutoff":
        world.run("UPDATE cycles SET cutoff_at = clock_timestamp() WHERE id = CAST(:id AS uuid)", id=day["cycle"])
    if why == "worth too much":
        world.run("UPDATE offers SET unit_price_cents = 1000000 WHERE id = CAST(:id AS uuid)", id=day[rice])
    clock.advance(transactions)
    assert clock.advance(transactions) == 0
    outcomes = {
        "inactive": "inactive",
        "has an order": "has_order",
        "worth too much": "refused",
    }
    found = world.value("SELECT outcome FROM standing_order_runs WHERE cycle_id = CAST(:id AS uuid)", id=day["cycle"])
    assert found == outcomes.get(why)
    assert world.value("SELECT count(*) FROM orders") == (1 if why == "has an order" else 0)


def test_resuming_while_a_day_is_open_counts_from_the_next(
    world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any
) -> None:
    rice = product(world, shop.unlimited)
    standing.put((rice, 1), active=False)
    first = next_day()
    clock.advance(transactions)
    standing.put((rice, 2), etag='"1"', active=True)
    second = next_day()
    clock.advance(transactions)
    assert [one["cycle_id"] for one in world.events("orders.order.placed.v1")] == [second["cycle"]]
    assert first["cycle"] != second["cycle"]


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO standing_order_runs", "INSERT INTO orders", "UPDATE standing_order_runs", "INSERT INTO outbox"],
)
def test_a_worker_that_dies_anywhere_places_it_whole_the_next_time(
    world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any, *, engine: Any, statement: str
) -> None:
    standing.put((product(world, shop.limited), 2))
    day = next_day()
    transactions.run(clock.open_due)
    crashed: list[str] = []

    def crash(_conn: Any, cursor: Any, sql: str, *_: Any) -> None:
        if statement in sql and not crashed:
            crashed.append(sql)
            pid = cursor.connection.info.backend_pid
            with engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    event.listen(engine, "after_cursor_execute", crash)
    try:
        with pytest.raises(errors.Unavailable):
            standing_placement.place_due(transactions)
    finally:
        event.remove(engine, "after_cursor_execute", crash)
    assert crashed
    assert world.value("SELECT count(*) FROM orders") == 0
    assert (
        world.value("SELECT count(*) FROM standing_order_runs WHERE cycle_id = CAST(:id AS uuid)", id=day["cycle"]) == 0
    )
    assert standing_placement.place_due(transactions) == 1
    assert world.value("SELECT count(*) FROM orders") == 1


def test_the_largest_standing_order_and_all_its_drops_fit_into_an_event(
    world: Any, shop: Any, standing: Standing, transactions: Any, next_day: Any
) -> None:
    offers = [world.offer(shop.cycle, available=None) for _ in range(200)]
    world.run("UPDATE products SET name = repeat('ñ', 80), name_es = repeat('ñ', 80), pack = repeat('ñ', 120)")
    products = [product(world, offer) for offer in offers]
    assert standing.put(*((one, 5, 1_500) for one in products), note="ñ" * 1_000).status_code == 201
    day = next_day()
    world.run("UPDATE offers SET max_per_store = 2 WHERE cycle_id = CAST(:id AS uuid)", id=day["cycle"])
    clock.advance(transactions)
    [placed] = world.events("orders.order.placed.v1")
    assert len(placed["lines"]) == 200

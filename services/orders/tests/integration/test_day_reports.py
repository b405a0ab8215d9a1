"""What mails can tell of a market day: its price list when it opens, its sums when it closes; always bounded."""

import json
from typing import Any
from uuid import uuid4

from orders.application import clock
from orders.application.republish import republish
from orders.domain.packs import pack_in
from orders.domain.people import Role
from tests.integration.planning.conftest import Staff
from tests.integration.test_ordering import shop

__all__ = ["shop"]
OPENED, CLOSED = "orders.cycle.opened.v1", "orders.cycle.closed.v1"


def opened(world: Any, transactions: Any, cycle: str) -> dict[str, Any]:
    world.run("UPDATE cycles SET state = 'scheduled' WHERE id = :id", id=cycle)
    clock.advance(transactions)
    event: dict[str, Any] = world.events(OPENED)[-1]
    return event


def test_an_opening_tells_prices_in_the_order_of_the_shelves(world: Any, transactions: Any) -> None:
    series = "7ef50267-9d81-5ff5-b9c1-3e384a133fdf"
    day = world.cycle()
    world.offer(day, name="Limes", category="citrus", price=4_100)
    world.offer(day, name="Avocados", category="avocados", price=3_400, series_id=series)
    event = opened(world, transactions, day)
    assert [offer["name"] for offer in event["price_list"]] == ["Avocados", "Limes"]
    assert event["offers_total"] == 2
    avocados, limes = event["price_list"]
    assert (avocados["unit_price_cents"], avocados["series_id"]) == (3_400, series)
    assert avocados["name_es"] == "Avocados en español"
    assert avocados["pack_es"] == pack_in("25 lb carton", "es")
    assert "series_id" not in limes
    assert "market_pack" not in avocados
    assert "last_unit_price_cents" not in limes


def test_the_price_of_the_day_before_is_told_and_not_that_of_a_day_that_never_was(
    world: Any, transactions: Any
) -> None:
    days = [world.cycle(state=state, opens_in_s=-ago, cutoff_in_s=-1) for state, ago in (
        ("done", 900_000), ("closed", 500_000), ("cancelled", 100_000))]  # fmt: skip
    today = world.cycle()
    offer = world.offer(today, price=3_400)
    product = world.value("SELECT product_id FROM offers WHERE id = :id", id=offer)
    for day, cents in zip(days, (2_900, 3_100, 9_900), strict=True):
        other = world.offer(day, price=cents)
        world.run("UPDATE offers SET product_id = :product WHERE id = :id", product=product, id=other)
    (listed,) = opened(world, transactions, today)["price_list"]
    assert listed["last_unit_price_cents"] == 3_100


def test_of_thousands_of_offers_those_are_told_that_stores_order(world: Any, shop: Any, transactions: Any) -> None:
    wanted = world.offer(shop.cycle, name="Zapote")
    shop.place((wanted, 1))
    product = world.value("SELECT product_id FROM offers WHERE id = :id", id=wanted)
    today = world.cycle(opens_in_s=-60)
    for number in range(101):
        world.offer(today, name=f"Avocado {number:03}")
    last = world.offer(today, name="Last")
    world.run("UPDATE offers SET product_id = :product WHERE id = :id", product=product, id=last)
    event = opened(world, transactions, today)
    assert len(event["price_list"]) == 100
    assert event["offers_total"] == 102
    assert event["price_list"][-1]["name"] == "Zapote"


def test_the_longest_price_list_fits_into_an_event(world: Any, transactions: Any) -> None:
    day = world.cycle()
    for _ in range(101):
        series = str(uuid4())
        quoted(world, series, "carton " + "𝄞" * 50, "")
        world.offer(day, series_id=series)
    world.run("UPDATE products SET name = repeat('𝄞', 80), name_es = repeat('𝄞', 80), pack = repeat('𝄞', 120)")
    event = opened(world, transactions, day)
    assert len(event["price_list"]) == 100
    assert len(json.dumps(event, ensure_ascii=False).encode()) < 256_000


def test_an_opening_tells_what_the_market_quotes_a_product_in(world: Any, transactions: Any) -> None:
    day, series = world.cycle(), [str(uuid4()) for _ in range(3)]
    for number, (package, size) in enumerate((("cartons 2 layer", "48s"), ("𝄞" * 65, ""), ("", ""))):
        quoted(world, series[number], package, size)
        world.offer(day, name=f"Avocados {number}", series_id=series[number])
    told = opened(world, transactions, day)["price_list"]
    assert (told[0]["market_pack"], told[0]["market_pack_es"]) == ("cartons 2 layer, 48s", "cajas de 2 capas, 48s")
    assert all("market_pack" not in each for each in told[1:])


def quoted(world: Any, series: str, package: str, size: str) -> None:
    world.run(
        "INSERT INTO series_quotes (series_id, market, report_id, commodity, variety, package, size, organic,"
        " quoted_on, reference) VALUES (CAST(:series AS uuid), 'Los Angeles', '2306', 'Avocados', 'HASS', :package,"
        " :size, false,"
        " DATE '2026-01-08', 31.5)",
        series=series,
        package=package,
        size=size,
    )


def test_a_day_without_offers_opens_with_an_empty_list(world: Any, transactions: Any) -> None:
    event = opened(world, transactions, world.cycle())
    assert (event["price_list"], event["offers_total"]) == ([], 0)


def test_republishing_repeats_the_price_list(world: Any, transactions: Any) -> None:
    world.offer(world.cycle())
    republish(transactions, "America/Los_Angeles")
    (event,) = world.events(OPENED)
    assert event["republished"] is True
    assert len(event["price_list"]) == 1


def test_a_close_tells_what_came_together(world: Any, shop: Any, transactions: Any) -> None:
    short = world.offer(shop.cycle, name="Nopales", available=1, price=1_995)
    other = world.offer(shop.cycle, name="Limes", price=4_000)
    shop.place((short, 3), (other, 2), on_shortage="partial")
    world.store()
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() - interval '1 second'")
    clock.advance(transactions)
    summary = world.events(CLOSED)[0]["summary"]
    assert [(line["name"], line["quantity"], line["shorted"]) for line in summary.pop("top")] == [
        ("Limes", 2, 0),
        ("Nopales", 1, 2),
    ]
    without = world.value(
        "SELECT count(*) FROM stores s WHERE active"
        " AND NOT EXISTS (SELECT FROM orders o WHERE o.store_id = s.id AND o.state <> 'cancelled')"
    )
    assert without >= 1
    assert summary == {
        "orders": 1,
        "stores_without_order": without,
        "units": 3,
        "shorted": 2,
        "total_cents": 9_995,
        "products": 2,
    }


def test_a_cancelled_order_is_not_counted(world: Any, shop: Any, transactions: Any) -> None:
    order = shop.place((world.offer(shop.cycle), 2)).json
    shop.cancel(order)
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() - interval '1 second'")
    clock.advance(transactions)
    summary = world.events(CLOSED)[0]["summary"]
    assert (summary["orders"], summary["units"], summary["total_cents"], summary["top"]) == (0, 0, 0, [])


def test_a_cancelled_day_says_why(world: Any, transactions: Any, sign_in: Any) -> None:
    staff = Staff(world, actor := world.person(Role.STAFF), sign_in(actor))
    cycle = world.cycle()
    assert staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "No llegó el camión."}).status_code == 200
    (event,) = world.events("orders.cycle.cancelled.v1")
    assert event["reason"] == "No llegó el camión."

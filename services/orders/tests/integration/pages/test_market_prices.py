"""The pages of market prices as the server draws them: what is ours comes with them, the rest a script asks for."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from orders.adapters.market_prices import SqlMarketPrices
from orders.application.market_prices import MAX_OFFERS, MAX_PRODUCTS
from orders.domain.people import Actor, Role
from tests.integration.pages.conftest import priced_series

ZONE = ZoneInfo("America/Los_Angeles")


@pytest.fixture
def buyer(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.buyer()[0])


@pytest.fixture
def staff(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.person(Role.STAFF))


def facts(page: Any) -> dict[str, Any]:
    [given] = [given for _, given in page.read.elements if "data-series" in given]
    return {name: unescape(value) for name, value in given.items()}


def own(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(facts(page)["data-own"])
    return found


def test_the_search_starts_with_what_is_on_offer(world: Any, transactions: Any, buyer: Any) -> None:
    series = priced_series(transactions)
    world.offer(world.cycle(), name="Hass avocados", series_id=series)
    world.offer(world.cycle(state="closed"), name="Closed already", series_id=series)
    page = buyer.get("/prices")
    assert page.status == 200
    assert {"href": f"/prices/{series}"} in page.read.having("a")
    assert "Hass avocados" in page.words
    assert "Closed already" not in page.words


def test_everybody_has_the_way_to_it(buyer: Any, staff: Any) -> None:
    for browser in (buyer, staff):
        assert browser.get("/prices").read.having("a", href="/prices", aria_current="page")


def test_a_series_comes_with_what_was_heard_of_it_and_the_way_to_its_numbers(transactions: Any, buyer: Any) -> None:
    series = priced_series(transactions)
    page = buyer.get(f"/prices/{series}")
    assert "Avocados" in page.words
    assert "The last quote we heard of" in page.words
    assert page.read.having("a", href=f"/api/v1/prices.csv?series_id={series}")
    assert facts(page)["data-series"] == series


def test_a_series_that_nobody_has_heard_of_is_the_price_services_to_judge(buyer: Any) -> None:
    page = buyer.get(f"/prices/{uuid4()}")
    assert page.status == 200
    assert own(page) == []
    assert "The last quote we heard of" not in page.words


@pytest.mark.parametrize("path", ["/prices/x", "/prices/1/2", "/prices/%00"])
def test_what_is_no_series_id_is_not_there(buyer: Any, path: str) -> None:
    assert buyer.get(path).status == 404


@pytest.mark.parametrize("query", ["q=%00", "commodity=%3Cscript%3E", "q=" + "x" * 5_000, "market=&market="])
def test_no_address_breaks_the_search(buyer: Any, query: str) -> None:
    page = buyer.get(f"/prices?{query}")
    assert page.status == 200
    assert "<script>alert" not in page.html


def test_the_chart_loads_where_there_is_one_and_nowhere_else(world: Any, transactions: Any, buyer: Any) -> None:
    world.offer(world.cycle(), series_id=priced_series(transactions))
    with_chart = [path for path in ("/prices", "/order", "/orders", f"/prices/{uuid4()}") if has_chart(buyer, path)]
    assert [path.count("/") for path in with_chart] == [2]


def has_chart(browser: Any, path: str) -> bool:
    return "vendor/chart" in browser.get(path).html


def test_a_buyer_sees_what_was_offered_and_nothing_that_is_only_planned(
    world: Any, transactions: Any, buyer: Any, staff: Any
) -> None:
    series = priced_series(transactions)
    product = world.product("Hass avocados", series_id=series)
    for state, price in (("done", 1_100), ("open", 1_200), ("scheduled", 1_300), ("cancelled", 9_900)):
        offered(world, product, world.cycle(state=state, opens_in_s=-9_000 + price), price)
    path = f"/prices/{series}"
    assert [price["price"] for price in own(buyer.get(path))[0]["prices"]] == ["11", "12"]
    assert [price["price"] for price in own(staff.get(path))[0]["prices"]] == ["11", "12", "13"]
    assert "$13.00" not in buyer.get(path).words
    assert "$99.00" not in staff.get(path).words


def offered(world: Any, product: str, cycle: str, price: int) -> None:
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents) VALUES (:id, :cycle, :product, :price)",
        id=str(uuid4()),
        cycle=cycle,
        product=product,
        price=price,
    )


def test_our_price_is_shown_for_as_much_as_a_market_package_holds(world: Any, transactions: Any, buyer: Any) -> None:
    series = priced_series(transactions)
    world.offer(world.cycle(), name="Avocado", series_id=series, price=133)
    world.run("UPDATE products SET units_per_package = 12.5")
    page = buyer.get(f"/prices/{series}")
    assert [price["price"] for price in own(page)[0]["prices"]] == ["16.63"]
    assert "$1.33" in page.words
    assert "$16.63" in page.words


def test_names_and_packs_are_the_readers(world: Any, transactions: Any, signed_in: Callable[..., Any]) -> None:
    series = priced_series(transactions)
    world.offer(world.cycle(), name="Avocado", series_id=series)
    reader = world.buyer()[0]
    world.run("UPDATE people SET locale = 'es'")
    spanish = signed_in(reader)
    page = spanish.get(f"/prices/{series}")
    assert own(page)[0]["name"] == "Avocado en español"
    assert "Precios del mercado" in page.words
    assert json.loads(facts(page)["data-glossary"])["containers"]["flats"] == "charolas"
    assert "Lo que vendemos ahora" in spanish.get("/prices").words


def test_prices_of_recorded_files_and_of_our_own_days_share_one_calendar(
    world: Any, transactions: Any, engine: Engine
) -> None:
    """USDA_TODAY dates the market: an offer that opened today stands on that day, not months after the quotes."""
    series = priced_series(transactions)
    market_day = date(2026, 1, 8)
    world.offer(world.cycle(opens_in_s=0), name="Avocado", series_id=series)
    actor = Actor(str(uuid4()), Role.STAFF, frozenset())
    [recorded] = SqlMarketPrices(engine, ZONE, market_day).sold(actor, series)
    [real] = SqlMarketPrices(engine, ZONE, None).sold(actor, series)
    assert recorded.prices[0].since - real.prices[0].since == market_day - datetime.now(ZONE).date()
    assert recorded.prices[0].until >= recorded.prices[0].since
    assert abs(recorded.prices[0].since - market_day) <= timedelta(days=1)


def test_products_and_prices_of_a_series_are_bounded(world: Any, transactions: Any, engine: Engine) -> None:
    series = priced_series(transactions)
    for number in range(MAX_PRODUCTS + 2):
        world.offer(world.cycle(), name=f"P{number}", series_id=series)
    actor = Actor(str(uuid4()), Role.BUYER, frozenset())
    prices = SqlMarketPrices(engine, ZONE, None)
    assert len(prices.sold(actor, series)) == MAX_PRODUCTS
    product = world.product("Many", series_id=series)
    world.run(
        "WITH made AS (INSERT INTO cycles (id, name, state, opens_at, cutoff_at, delivery_on)"
        " SELECT gen_random_uuid(), 'x', 'done', clock_timestamp() - make_interval(days => n),"
        " clock_timestamp() - make_interval(days => n) + interval '1 hour', CURRENT_DATE"
        " FROM generate_series(0, :many) n"
        " RETURNING id) INSERT INTO offers (id, cycle_id, product_id, unit_price_cents)"
        " SELECT gen_random_uuid(), id, CAST(:product AS uuid), 100 FROM made",
        many=MAX_OFFERS,
        product=product,
    )
    [many] = [sold for sold in prices.sold(actor, series) if sold.name == "Many"]
    assert len(many.prices) == MAX_OFFERS
    assert [price.since for price in many.prices] == sorted(price.since for price in many.prices)


def test_price_sources_lead_to_their_series(world: Any, transactions: Any, buyer: Any, staff: Any) -> None:
    series = priced_series(transactions)
    cycle = world.cycle()
    world.offer(cycle, name="Avocado", series_id=series)
    product = world.value("SELECT id FROM products")
    for browser, path in ((buyer, "/order"), (staff, f"/staff/cycles/{cycle}"), (staff, f"/staff/products/{product}")):
        hrefs = [given.get("href") for given in browser.get(path).read.having("a")]
        assert f"/prices/{series}" in hrefs, path


def test_hostile_names_stay_text(world: Any, transactions: Any, staff: Any) -> None:
    hostile = "</script><script>alert('x')</script>\"'>"
    series = priced_series(transactions, commodity=hostile)
    world.offer(world.cycle(), name=hostile, series_id=series)
    for path in ("/prices", f"/prices/{series}"):
        assert "<script>alert" not in staff.get(path).html
    assert own(staff.get(f"/prices/{series}"))[0]["name"] == hostile


def test_what_we_sell_stands_with_its_market_price_by_the_name_the_reader_knows(
    world: Any, transactions: Any, signed_in: Callable[..., Any]
) -> None:
    day = world.cycle()
    for name in ("Chile", "Árbol", "Banano"):
        world.offer(day, name=name, series_id=priced_series(transactions))
    page = signed_in(world.person(Role.STAFF, locale="es")).get("/prices")
    places = [page.words.index(f"{name} en español") for name in ("Árbol", "Banano", "Chile")]
    assert places == sorted(places)
    assert "$20.00\u2013$30.00" in page.words


def test_without_scripts_the_search_finds_what_we_sell(world: Any, transactions: Any, buyer: Any) -> None:
    day = world.cycle()
    for name in ("Plátano macho", "Chile"):
        world.offer(day, name=name, series_id=priced_series(transactions))
    found = buyer.get("/prices?q=platano")
    assert [("hidden" in given) for tag, given in found.read.elements if tag == "li"].count(True) == 1
    assert found.read.having("input", name="q", value="platano")
    assert "We sell nothing called" not in found.words
    assert "We sell nothing called “yuca” now." in buyer.get("/prices?q=yuca").words

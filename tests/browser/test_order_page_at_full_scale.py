"""The order page of a market day with 3,000 offers, on a slow phone: light, still, and never in the way of typing."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import DESK, LOOKS, PHONE, SignIn
from tests.browser.test_every_page import violations
from tests.driver.api import Client
from tests.driver.database import run_sql
from tests.driver.system import System

OFFERS = 3_000
AT_ONCE = 200
MOST_BYTES = 150_000
USABLE_WITHIN_MS = 6_000
SLOWER = 4
STILL = 0.01
SEED = f"""
WITH made AS (INSERT INTO products (id, name, name_es, category, pack, series_id, case_size)
    SELECT gen_random_uuid(), 'Crowd ' || lpad(n::text, 4, '0'), 'Jalapeño ' || lpad(n::text, 4, '0'),
        (ARRAY['crowd berries', 'crowd citrus', 'crowd herbs', 'crowd roots'])[1 + n % 4], '25 lb cartons loose',
        (SELECT series_id FROM series_quotes ORDER BY series_id OFFSET n % 200 LIMIT 1), CASE WHEN n % 3 = 0 THEN 12 END
    FROM generate_series(1, {OFFERS}) n RETURNING id, case_size)
INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining, case_size)
    SELECT gen_random_uuid(), (SELECT id FROM cycles WHERE state = 'open' ORDER BY cutoff_at LIMIT 1), id, 900, 60, 60,
        case_size FROM made;
"""
THEIRS = "SELECT o.id FROM offers o JOIN products p ON p.id = o.product_id WHERE p.name LIKE 'Crowd %'"
CLEAN = f"""
DELETE FROM order_lines WHERE offer_id IN ({THEIRS});
DELETE FROM offers WHERE id IN ({THEIRS});
DELETE FROM products WHERE name LIKE 'Crowd %';
"""
WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def crowd(system: System) -> Iterator[dict[str, str]]:
    """3,000 offers more in four categories; returns their ids by name."""
    run_sql(system, CLEAN + SEED)
    listed = run_sql(
        system,
        "SELECT json_object_agg(p.name, o.id) FROM offers o JOIN products p ON p.id = o.product_id"
        " WHERE p.name LIKE 'Crowd %';",
    )
    yield json.loads(listed)
    run_sql(system, CLEAN)


def open_order(page: Page, path: str = "/order") -> None:
    page.goto(path)
    page.wait_for_function("() => document.querySelector('[data-order-page]')?.dataset.live === 'live'")


def box(page: Page, offer: str) -> str:
    return page.locator(f"#quantity-{offer}").input_value()


def turn_to(page: Page, category: str) -> None:
    page.locator(f"[data-aisles] button[value='{category}']").click()
    page.wait_for_function("(wanted) => document.getElementById('shelves').dataset.category === wanted", arg=category)


def shifted(page: Page) -> float:
    return float(page.evaluate("window.shifted"))


def test_a_slow_phone_gets_a_light_page_that_is_soon_of_use_and_stays_still(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    page = signed_in("buyer2", at="", viewport=PHONE)
    phone = page.context.new_cdp_session(page)
    phone.send("Network.enable")
    phone.send("Network.setCacheDisabled", {"cacheDisabled": True})
    phone.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    sent: list[int] = []
    phone.on("Network.loadingFinished", lambda event: sent.append(int(event["encodedDataLength"])))
    page.add_init_script(WATCH_SHIFTS)
    open_order(page)
    usable_ms = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    rows = page.locator("#shelves .offer").count()
    print(f"{rows} of {OFFERS} offers: {sum(sent)} bytes sent, of use after {usable_ms:.0f} ms at {SLOWER}x slower")
    assert rows == AT_ONCE
    assert sum(sent) < MOST_BYTES
    assert usable_ms < USABLE_WITHIN_MS
    assert shop[0].place({crowd["Crowd 0004"]: 50}).status_code == 201
    turn_to(page, "crowd berries")
    assert shop[0].live_orders()
    shop[0].start_afresh()
    expect(page.locator(f"#offer-{crowd['Crowd 0004']} [data-stock]")).to_have_text("60 left")
    assert shifted(page) <= STILL


def test_news_neither_takes_the_focus_nor_what_is_being_typed_nor_moves_the_rows(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    watched, other = crowd["Crowd 0012"], crowd["Crowd 0008"]
    page = signed_in("buyer2", at="", viewport=PHONE)
    page.add_init_script(WATCH_SHIFTS)
    open_order(page, "/order?category=crowd+berries")
    page.locator(f"#quantity-{watched}").fill("4")
    page.locator(f"#quantity-{other}").fill("7")
    page.locator(f"#quantity-{watched}").focus()
    page.keyboard.press("End")
    assert shop[0].place({watched: 58, other: 3}).status_code == 201
    expect(page.locator(f"#offer-{watched} [data-stock]")).to_have_text("2 left")
    page.keyboard.type("2")
    assert box(page, watched) == "42"
    assert box(page, other) == "7"
    assert page.evaluate("document.activeElement.id") == f"quantity-{watched}"
    expect(page.locator(f"#offer-{watched} [data-case-fill]")).to_have_text("2 more for a full case")
    expect(page.locator(f"#offer-{watched} [data-says]")).to_have_text("Only 2 left for you.")
    assert shifted(page) <= STILL


def test_categories_and_searches_keep_what_was_typed_and_can_be_gone_back_through(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    berry, citrus = crowd["Crowd 0004"], crowd["Crowd 0001"]
    page = signed_in("buyer1", at="", viewport=PHONE)
    open_order(page, "/order?category=crowd+berries")
    page.evaluate("window.notReloaded = true")
    page.locator(f"#quantity-{berry}").fill("3")
    turn_to(page, "crowd citrus")
    assert box(page, berry) == "3"
    page.locator(f"#quantity-{citrus}").fill("2")
    page.locator("#search").fill("JALAPENO 0002")
    expect(page.locator("#shelves .offer")).to_have_count(1)
    assert page.evaluate("document.activeElement.id") == "search"
    expect(page).to_have_url(re.compile(r"q=JALAPENO\+0002"))
    page.go_back()
    page.wait_for_function("() => document.getElementById('shelves').dataset.category === 'crowd berries'")
    assert (box(page, berry), box(page, citrus)) == ("3", "2")
    assert page.evaluate("window.notReloaded")
    page.locator("[data-send]").click()
    expect(page).to_have_url(re.compile(r"/orders/"))
    lines = {line["offer_id"]: line["quantity"] for line in shop[0].live_orders()[0]["lines"]}
    assert lines == {berry: 3, citrus: 2}


def test_a_reload_brings_back_what_was_typed_on_other_shelves(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    berry = crowd["Crowd 0004"]
    page = signed_in("buyer2", at="", viewport=PHONE)
    open_order(page, "/order?category=crowd+berries")
    page.locator(f"#quantity-{berry}").fill("3")
    open_order(page, "/order?category=crowd+citrus")
    expect(page.locator(f"#quantity-{berry}")).to_have_value("3")
    page.locator("#kept summary").click()
    page.locator(f"#offer-{berry} [data-remove]").click()
    open_order(page, "/order?category=crowd+citrus")
    expect(page.locator("[data-total]")).to_have_text("$0.00")
    assert page.locator(f"#quantity-{berry}").count() == 0


def test_without_javascript_the_shelves_turn_and_nothing_typed_is_lost(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    berry, citrus = crowd["Crowd 0004"], crowd["Crowd 0001"]
    page = signed_in("buyer2", at="/order?category=crowd+berries", java_script_enabled=False)
    page.locator(f"#quantity-{berry}").fill("3")
    page.locator("button[name=category][value='crowd citrus']").click()
    page.locator(f"#quantity-{citrus}").fill("2")
    page.locator("#search").fill("crowd 0003")
    page.locator("#search").press("Enter")
    expect(page.locator("#shelves .offer")).to_have_count(1)
    page.locator("[data-send]").click()
    expect(page).to_have_url(re.compile(r"/orders/"))
    lines = {line["offer_id"]: line["quantity"] for line in shop[1].live_orders()[0]["lines"]}
    assert lines == {berry: 3, citrus: 2}


def test_keys_go_through_the_grid_and_trap_nobody(crowd: dict[str, str], shop: list[Client], signed_in: SignIn) -> None:
    page = signed_in("buyer2", at="", viewport=DESK)
    open_order(page, "/order?category=crowd+citrus")
    expect(page.locator(".keys")).to_be_visible()
    boxes = page.locator("#shelves .offer input[id^=quantity-]")
    boxes.nth(0).focus()
    page.keyboard.type("2")
    page.keyboard.press("+")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    page.keyboard.press("+")
    page.keyboard.press("-")
    page.keyboard.press("ArrowUp")
    assert [boxes.nth(index).input_value() for index in range(3)] == ["3", "1", ""]
    assert page.evaluate("document.activeElement.id") == boxes.nth(1).get_attribute("id")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.step") == "1"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("0001")
    expect(page.locator("#shelves .offer")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_have_value("")
    expect(page.locator("#shelves .offer")).to_have_count(AT_ONCE)
    page.locator("#note").focus()
    page.keyboard.type("1/2 + 1")
    expect(page.locator("#note")).to_have_value("1/2 + 1")


def test_a_lost_connection_is_said_above_the_bar_and_moves_nothing(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    page = signed_in("buyer2", at="", viewport=PHONE)
    page.add_init_script(WATCH_SHIFTS)
    page.route_web_socket("**/ws", lambda socket: socket.close())
    page.route("**/sse?*", lambda route: route.abort())
    page.goto("/order")
    expect(page.locator("[data-stale]")).to_be_visible(timeout=20_000)
    assert shifted(page) <= STILL


def test_shelves_that_do_not_load_are_said_and_what_was_typed_stays(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    berry = crowd["Crowd 0004"]
    page = signed_in("buyer2", at="", viewport=PHONE)
    open_order(page, "/order?category=crowd+berries")
    page.locator(f"#quantity-{berry}").fill("3")
    page.route("**/order/shelves", lambda route: route.abort())
    page.locator("[data-aisles] button[value='crowd citrus']").click()
    expect(page.locator("[data-not-loaded]")).to_be_visible()
    assert box(page, berry) == "3"
    page.unroute("**/order/shelves")
    turn_to(page, "crowd citrus")
    expect(page.locator("[data-not-loaded]")).to_be_hidden()
    assert box(page, berry) == "3"


def test_a_session_that_ends_between_shelves_asks_for_the_sign_in_and_keeps_what_was_typed(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn
) -> None:
    berry = crowd["Crowd 0004"]
    page = signed_in("buyer2", at="", viewport=PHONE)
    open_order(page, "/order?category=crowd+berries")
    page.locator(f"#quantity-{berry}").fill("3")
    page.context.clear_cookies(name="mercadito_session")

    def is_sign_in(answer: Response) -> bool:
        return answer.url.endswith("/order/view#shelves") or answer.url.endswith("/order/view")

    with page.expect_response(is_sign_in):
        page.locator("[data-aisles] button[value='crowd citrus']").click()
    page.locator("input[name=email]").fill("buyer2@mercadito.example")
    page.locator("input[name=password]").fill("mercadito-demo")
    page.locator("main form button.button").click()
    expect(page.locator(f"#quantity-{berry}")).to_have_value("3")


@pytest.mark.parametrize(("viewport", "scheme"), LOOKS)
def test_a_shelf_with_things_chosen_elsewhere_is_accessible_and_fits(
    crowd: dict[str, str], shop: list[Client], signed_in: SignIn, viewport: dict[str, int], scheme: str
) -> None:
    assert shop[0].place({crowd["Crowd 0003"]: 2}).status_code == 201
    page = signed_in("buyer1", at="", viewport=viewport, color_scheme=scheme)
    open_order(page, "/order?category=crowd+berries")
    page.locator(f"#quantity-{crowd['Crowd 0004']}").fill("3")
    page.locator("#search").fill("crowd 000")
    expect(page.locator("#kept, #shelves .offer").first).to_be_visible()
    expect(page.locator("#shelves .offer")).to_have_count(11)
    turn_to(page, "crowd citrus")
    for folded in ("#kept", "#mine", "#limits"):
        page.locator(f"{folded} > summary").click()
    assert page.locator("[data-limit]:not([hidden])").count() == 2
    page.locator("#search").fill("crowd 000")
    expect(page.locator("#shelves .offer")).to_have_count(11)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]

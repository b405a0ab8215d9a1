"""Open pages through what befalls them: the network goes, sockets are blocked, tabs close, a session ends elsewhere."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import DESK, SignIn
from tests.browser.test_every_page import violations
from tests.driver.api import Client, limited_offers
from tests.driver.documents import block
from tests.driver.system import System

BADGE_WITHIN_MS = 15_000
BACK_WITHIN_MS = 10_000
NEWS_WITHIN_MS = 2_000
# Two sockets are tried; one whose end nobody hears of is given up after ten seconds, and then comes the pause.
EVENTS_WITHIN_MS = 40_000
RESTARTED_WITHIN_MS = 30_000
COUNTED_WITHIN_MS = 40_000


def live(page: Page) -> Locator:
    """The part of the page that says how live it is."""
    return page.locator("[data-live]").first


def is_live(page: Page, within_ms: int = BACK_WITHIN_MS) -> None:
    expect(live(page)).to_have_attribute("data-live", "live", timeout=within_ms)


def stays(page: Page) -> Callable[[], bool]:
    """Mark the page; say later whether it is still the same one."""
    page.evaluate("window.notReloaded = true")
    return lambda: bool(page.evaluate("window.notReloaded === true"))


def stock(page: Page, offer_id: str) -> Locator:
    return page.locator(f"#offer-{offer_id} [data-stock]")


def sockets_of(page: Page) -> list[str]:
    """The sockets that the page opens from now on."""
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url))
    return opened


def order(buyer: Client, offer_id: str, quantity: int) -> None:
    assert buyer.place({offer_id: quantity}).status_code == 201


@pytest.fixture
def offers(shop: list[Client]) -> list[dict[str, object]]:
    return limited_offers(shop[0].cycle(), at_least=12)


def test_after_the_network_was_cut_the_page_catches_up_without_a_reload(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    first, second = str(offers[0]["id"]), str(offers[1]["id"])
    page, board = signed_in("buyer2"), signed_in("staff", at="/staff", viewport=DESK)
    same = [stays(one) for one in (page, board)]
    for one in (page, board):
        is_live(one)
        one.context.set_offline(offline=True)
    page.locator(f"#quantity-{second}").fill("2")
    order(shop[0], first, 3)
    for one in (page, board):
        expect(one.locator("[data-stale]")).to_be_visible(timeout=BADGE_WITHIN_MS)
    order(shop[2], second, 4)
    left = [shop[0].offer(offer)["remaining"] for offer in (first, second)]
    expect(stock(page, first)).not_to_have_text(f"{left[0]} left")
    for one in (page, board):
        one.context.set_offline(offline=False)
    for offer, number in zip((first, second), left, strict=True):
        expect(stock(page, offer)).to_have_text(f"{number} left", timeout=BACK_WITHIN_MS)
    for one in (page, board):
        expect(one.locator("[data-stale]")).to_be_hidden()
    for buyer in (shop[0], shop[2]):
        number = buyer.live_orders()[0]["number"]
        expect(board.locator("#board").get_by_text(str(number)).first).to_be_visible(timeout=BACK_WITHIN_MS)
    expect(page.locator(f"#quantity-{second}")).to_have_value("2")
    assert all(is_same() for is_same in same)


def test_realtime_killed_in_the_middle_costs_no_news_and_no_reload(
    system: System, shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    page = signed_in("buyer2")
    is_live(page)
    same = stays(page)
    killed = system.kill("realtime")
    order(shop[0], offer, 3)
    system.came_back("realtime", instead_of=killed)
    left = shop[0].offer(offer)["remaining"]
    expect(stock(page, offer)).to_have_text(f"{left} left", timeout=RESTARTED_WITHIN_MS)
    order(shop[2], offer, 1)
    expect(stock(page, offer)).to_have_text(f"{left - 1} left", timeout=NEWS_WITHIN_MS)
    assert same()


def test_of_two_tabs_one_holds_the_socket_and_the_other_goes_on_when_it_closes(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    first = signed_in("buyer2")
    is_live(first)
    second = first.context.new_page()
    opened = sockets_of(second)
    second.goto("/order")
    is_live(second)
    same = stays(second)
    order(shop[0], offer, 1)
    left = shop[0].offer(offer)["remaining"]
    for page in (first, second):
        expect(stock(page, offer)).to_have_text(f"{left} left", timeout=NEWS_WITHIN_MS)
    assert opened == []
    first.close()
    order(shop[2], offer, 2)
    expect(stock(second, offer)).to_have_text(f"{left - 2} left", timeout=BACK_WITHIN_MS)
    assert len(opened) == 1
    assert same()


def test_a_tab_that_takes_over_misses_nothing_of_what_happened_meanwhile(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    first = signed_in("buyer2")
    is_live(first)
    second = first.context.new_page()
    second.goto("/order")
    is_live(second)
    same = stays(second)
    # The next socket opens late: what happens until then, the server tells from the tab's own position.
    opened = sockets_of(second)
    second.context.set_offline(offline=True)
    first.close()
    order(shop[0], offer, 3)
    second.context.set_offline(offline=False)
    left = shop[0].offer(offer)["remaining"]
    expect(stock(second, offer)).to_have_text(f"{left} left", timeout=BACK_WITHIN_MS)
    assert opened
    assert same()


def test_a_tab_that_is_put_to_sleep_gives_the_connection_up_and_wakes_to_everything(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    first = signed_in("buyer2")
    is_live(first)
    second = first.context.new_page()
    opened = sockets_of(second)
    second.goto("/order")
    is_live(second)
    first.evaluate("document.dispatchEvent(new Event('freeze'))")  # a headless browser freezes no page by itself
    order(shop[0], offer, 3)
    left = shop[0].offer(offer)["remaining"]
    expect(stock(second, offer)).to_have_text(f"{left} left", timeout=BACK_WITHIN_MS)
    assert len(opened) == 1
    assert stock(first, offer).text_content() != f"{left} left"
    first.evaluate("document.dispatchEvent(new Event('resume'))")
    expect(stock(first, offer)).to_have_text(f"{left} left", timeout=BACK_WITHIN_MS)


def test_where_sockets_are_blocked_the_same_news_come_as_events(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    blocked = signed_in("buyer2", at="")

    def refuse(socket: WebSocketRoute) -> None:
        socket.close()

    blocked.route_web_socket(re.compile(r"/ws$"), refuse)
    with blocked.expect_request(re.compile(r"/sse\?"), timeout=EVENTS_WITHIN_MS):
        blocked.goto("/order")
    is_live(blocked)
    same = stays(blocked)
    order(shop[0], offer, 3)
    left = shop[0].offer(offer)["remaining"]
    expect(stock(blocked, offer)).to_have_text(f"{left} left", timeout=NEWS_WITHIN_MS)
    with blocked.expect_request(re.compile(r"/sse\?"), timeout=EVENTS_WITHIN_MS):
        blocked.context.set_offline(offline=True)
        order(shop[2], offer, 2)
        blocked.context.set_offline(offline=False)
    expect(stock(blocked, offer)).to_have_text(f"{left - 2} left", timeout=BACK_WITHIN_MS)
    assert same()


def test_the_page_of_the_documents_shows_the_news(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer, cycle = str(offers[0]["id"]), shop[0].cycle()
    page = signed_in("buyer2", at="")
    script = {"body": block("realtime.md", "page"), "content_type": "text/javascript"}
    page.route("**/static/js/example.js", lambda route: route.fulfill(**script))
    page.goto("/account")
    page.evaluate(
        """([cycle, since]) => {
          const list = Object.assign(document.createElement("ol"), { id: "example" });
          Object.assign(list.dataset, { cycle, since });
          document.querySelector("main").append(list);
          const script = document.createElement("script");
          Object.assign(script, { type: "module", src: "/static/js/example.js" });
          document.head.append(script);
        }""",
        [cycle["id"], str(time.time_ns() // 1_000_000)],
    )
    expect(page.locator("#example")).to_have_attribute("data-live", "live", timeout=BACK_WITHIN_MS)
    order(shop[0], offer, 3)
    left = shop[0].offer(offer)["remaining"]
    expect(page.locator("#example li").last).to_have_text(f"{offer}: {left}", timeout=NEWS_WITHIN_MS)


def test_signed_out_elsewhere_the_page_says_so_at_once_and_keeps_what_was_typed(
    offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    page, phone = signed_in("buyer2"), signed_in("buyer2")
    is_live(page)
    is_live(phone)
    page.locator(f"#quantity-{offer}").fill("3")
    phone.goto("/account")
    phone.locator("form[action='/account/sessions/end-others'] button").click()
    badge = page.locator("[data-signed-out]")
    expect(badge).to_be_visible(timeout=NEWS_WITHIN_MS)
    expect(page.locator("[data-stale]")).to_be_hidden()
    assert violations(page) == []
    badge.get_by_role("link").click()
    page.locator("input[name=email]").fill("buyer2@mercadito.example")
    page.locator("input[name=password]").fill("mercadito-demo")
    page.locator("main form button.button").click()
    page.wait_for_url(re.compile(r"/order\?store="))
    expect(page.locator(f"#quantity-{offer}")).to_have_value("3")
    is_live(page)
    phone.goto("/order")
    is_live(phone)


def test_another_person_in_the_same_browser_shares_nothing_with_the_one_before(
    shop: list[Client], offers: list[dict[str, object]], signed_in: SignIn
) -> None:
    offer = str(offers[0]["id"])
    old = signed_in("buyer2")
    is_live(old)
    new = old.context.new_page()
    new.goto("/order")
    new.locator("form[action='/sign-out'] button").click()
    expect(old.locator("[data-signed-out]")).to_be_visible(timeout=NEWS_WITHIN_MS)
    opened = sockets_of(new)
    new.goto("/sign-in")
    new.locator("input[name=email]").fill("buyer3@mercadito.example")
    new.locator("input[name=password]").fill("mercadito-demo")
    new.locator("main form button.button").click()
    new.wait_for_url(lambda url: "/sign-in" not in url)
    is_live(new)
    assert len(opened) == 1
    before = stock(old, offer).text_content()
    old.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    order(shop[0], offer, 2)
    left = shop[0].offer(offer)["remaining"]
    expect(stock(new, offer)).to_have_text(re.compile(str(left)), timeout=NEWS_WITHIN_MS)
    expect(old.locator("[data-signed-out]")).to_be_visible()
    assert stock(old, offer).text_content() == before


def test_the_pages_say_how_many_are_looking_and_nothing_when_one_is_alone(signed_in: SignIn) -> None:
    alone = signed_in("buyer2")
    is_live(alone)
    expect(alone.locator("[data-viewers]")).to_have_text("")
    spanish, board = signed_in("buyer1"), signed_in("staff", at="/staff", viewport=DESK)
    expect(alone.locator("[data-viewers]")).to_have_text("3 people are looking", timeout=COUNTED_WITHIN_MS)
    expect(spanish.locator("[data-viewers]")).to_have_text("Lo ven 3 personas", timeout=COUNTED_WITHIN_MS)
    expect(board.locator("[data-viewers]")).to_have_text("3 people are looking", timeout=COUNTED_WITHIN_MS)
    second = alone.context.new_page()
    second.goto("/order")
    expect(second.locator("[data-viewers]")).to_have_text("3 people are looking", timeout=COUNTED_WITHIN_MS)
    board.close()
    spanish.close()
    for page in (alone, second):
        expect(page.locator("[data-viewers]")).to_have_text("", timeout=COUNTED_WITHIN_MS)

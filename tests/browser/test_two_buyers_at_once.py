"""The order page of two buyers who have it open at the same time, on a phone, in their languages."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, SignIn
from tests.driver.api import Client, limited_offers

WITHIN_A_SECOND_MS = 1_000


def stock(page: Page, offer_id: str) -> object:
    return page.locator(f"#offer-{offer_id} [data-stock]")


def choose(page: Page, offer_id: str, quantity: int) -> None:
    page.locator(f"#quantity-{offer_id}").fill(str(quantity))


def send(page: Page) -> None:
    page.locator("[data-send]").click()


def test_each_buyer_reads_the_page_in_the_own_language(shop: list[Client], signed_in: SignIn) -> None:
    spanish, english = signed_in("buyer1", by_hand=True), signed_in("buyer2", by_hand=True)
    expect(spanish.locator("html")).to_have_attribute("lang", "es")
    expect(english.locator("html")).to_have_attribute("lang", "en")
    offer = shop[0].cycle()["offers"][0]["product"]
    expect(spanish.get_by_role("heading", name=offer["name_es"], exact=True).first).to_be_visible()
    expect(english.get_by_role("heading", name=offer["name"], exact=True).first).to_be_visible()


def test_what_one_buyer_takes_the_other_sees_gone_within_a_second_without_a_reload(
    shop: list[Client], signed_in: SignIn
) -> None:
    offer = limited_offers(shop[0].cycle())[0]
    spanish, english, board = signed_in("buyer1"), signed_in("buyer2"), signed_in("staff", viewport=DESK)
    board.goto("/staff")
    left = offer["remaining"]
    expect(english.locator(f"#offer-{offer['id']} [data-stock]")).to_have_text(f"{left} left")
    choose(english, offer["id"], 1)
    english.evaluate("window.notReloaded = true")
    board.evaluate("window.notReloaded = true")
    choose(spanish, offer["id"], 3)
    send(spanish)
    expect(spanish).to_have_url(re.compile(r"/orders/"))
    other = english.locator(f"#offer-{offer['id']} [data-stock]")
    expect(other).to_have_text(f"{left - 3} left", timeout=WITHIN_A_SECOND_MS)
    number = shop[0].live_orders()[0]["number"]
    expect(board.locator("#board").get_by_text(str(number)).first).to_be_visible(timeout=2 * WITHIN_A_SECOND_MS)
    assert english.evaluate("window.notReloaded")
    assert board.evaluate("window.notReloaded")
    expect(english.locator(f"#quantity-{offer['id']}")).to_have_value("1")


def test_the_one_who_comes_second_is_told_what_is_left_and_keeps_the_form(
    shop: list[Client], signed_in: SignIn
) -> None:
    scarce, other = limited_offers(shop[0].cycle())[:2]
    page = signed_in("buyer2")
    choose(page, other["id"], 2)
    choose(page, scarce["id"], scarce["remaining"])
    assert shop[0].place({scarce["id"]: scarce["remaining"] - 1}).status_code == 201
    send(page)
    expect(page.locator("#notice, .notice").first).to_be_visible()
    expect(page.locator(f"#offer-{scarce['id']} [data-says]")).to_contain_text("1")
    expect(page.locator(f"#quantity-{scarce['id']}")).to_have_value(str(scarce["remaining"]))
    expect(page.locator(f"#quantity-{other['id']}")).to_have_value("2")
    choose(page, scarce["id"], 1)
    send(page)
    expect(page).to_have_url(re.compile(r"/orders/"))
    lines = {line["offer_id"]: line["quantity"] for line in shop[1].live_orders()[0]["lines"]}
    assert lines == {scarce["id"]: 1, other["id"]: 2}


def test_ordering_works_without_javascript(shop: list[Client], signed_in: SignIn) -> None:
    offer = limited_offers(shop[0].cycle())[0]
    page = signed_in("buyer1", by_hand=True, java_script_enabled=False)
    choose(page, offer["id"], 2)
    send(page)
    expect(page).to_have_url(re.compile(r"/orders/"))
    assert shop[0].live_orders()[0]["lines"][0]["quantity"] == 2


def test_an_order_is_changed_and_the_page_comes_back_with_it_on_top(shop: list[Client], signed_in: SignIn) -> None:
    offer = limited_offers(shop[0].cycle())[3]
    assert shop[1].place({offer["id"]: 1}).status_code == 201
    page = signed_in("buyer2")
    page.goto("/order")
    expect(page.locator(".shelf").first.locator(f"#quantity-{offer['id']}")).to_have_value("1")
    page.locator(f"#offer-{offer['id']} [data-step='1']").click()
    send(page)
    expect(page).to_have_url(re.compile(r"/orders/"))
    assert shop[1].live_orders()[0]["lines"][0]["quantity"] == 2


def test_the_keyboard_alone_is_enough(shop: list[Client], signed_in: SignIn) -> None:
    """Plus counts, Enter goes to the next field: an order is sent by its button, not by a slip of the finger."""
    offer = limited_offers(shop[0].cycle())[0]
    page = signed_in("buyer2", viewport=DESK)
    page.locator(f"#quantity-{offer['id']}").focus()
    page.keyboard.type("2")
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/order$"))
    page.locator("[data-send]").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/orders/"))
    assert shop[1].live_orders()[0]["lines"][0]["quantity"] == 3


def test_a_double_click_makes_one_order(shop: list[Client], signed_in: SignIn) -> None:
    offer = limited_offers(shop[0].cycle())[0]
    page = signed_in("buyer2")
    choose(page, offer["id"], 1)
    page.locator("[data-send]").dblclick()
    expect(page).to_have_url(re.compile(r"/orders"))
    assert len(shop[1].live_orders()) == 1
    assert shop[1].offer(offer["id"])["remaining"] == offer["remaining"] - 1


@pytest.mark.parametrize("person", ["buyer1", "buyer2"])
def test_signing_out_ends_the_session(person: str, signed_in: SignIn) -> None:
    page = signed_in(person)
    page.locator("form[action='/sign-out'] button").click()
    page.goto("/orders")
    expect(page).to_have_url(re.compile(r"/sign-in"))

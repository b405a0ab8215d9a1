"""What was typed into an order or a comment is still there after the way back, and gone once it went through."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.driver.api import Client, limited_offers


def ordered(page: Page, offer_id: str, quantity: int) -> None:
    page.locator(f"#quantity-{offer_id}").fill(str(quantity))
    page.locator("[data-send]").click()
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]+$"))


def test_going_back_to_the_order_that_is_in_forgets_nothing_that_was_typed_since(
    shop: list[Client], signed_in: SignIn
) -> None:
    first, second = limited_offers(shop[0].cycle())[:2]
    page = signed_in("buyer1")
    ordered(page, first["id"], 2)
    expect(page.locator(".notice.done")).to_be_visible()
    page.goto("/order")
    page.locator(f"#quantity-{second['id']}").fill("3")
    page.go_back()
    expect(page.locator("[data-one-order]")).to_be_visible()
    page.go_forward()
    expect(page.locator(f"#quantity-{second['id']}")).to_have_value("3")
    ordered(page, second["id"], 3)


def test_a_comment_that_was_sent_leaves_the_order_that_is_being_typed_alone(
    shop: list[Client], signed_in: SignIn
) -> None:
    first, second = limited_offers(shop[0].cycle())[:2]
    page = signed_in("buyer1")
    ordered(page, first["id"], 2)
    order = page.url
    page.goto("/order")
    page.locator(f"#quantity-{second['id']}").fill("3")
    page.goto(order)
    page.locator("#comments textarea").fill("By the back door")
    page.locator("#comments > form button.button, #comments > form button").last.click()
    expect(page.locator("#comments")).to_contain_text("By the back door")
    expect(page.locator("#comments textarea")).to_have_value("")
    page.goto("/order")
    expect(page.locator(f"#quantity-{second['id']}")).to_have_value("3")

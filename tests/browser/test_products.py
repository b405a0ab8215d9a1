"""The pages of products in a browser: accessible, within the screen, nothing blocked by the policy."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import LOOKS, PHONE, SignIn
from tests.browser.test_every_page import violations

LIST = (
    "name\tname_es\tcategory\tpack\tmarkup_percent\nLimes, key\tLimón\tcitrus\t40 lb\t12%\nKale\t\tgreens\t24s\t0.12\n"
)


def sound(page: Page, width: int) -> None:
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("viewport", "scheme"), LOOKS)
def test_the_pages_of_products_are_accessible_and_fit(signed_in: SignIn, viewport: dict[str, int], scheme: str) -> None:
    page = signed_in("staff", at="", viewport=viewport, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto("/staff/products")
    sound(page, viewport["width"])
    page.locator("ul.products a").first.click()
    page.wait_for_url("**/staff/products/*-*")
    assert page.locator(".pricechart polyline").count() >= 1
    page.locator(".pricechart summary").click()
    page.fill("#find", "avocados")
    page.keyboard.press("Enter")
    page.wait_for_selector(".seriesfound")
    sound(page, viewport["width"])
    page.goto("/staff/products/new?find=limes")
    sound(page, viewport["width"])
    assert complaints == []


def test_a_pasted_list_is_looked_at_before_it_is_saved(signed_in: SignIn) -> None:
    page = signed_in("staff", at="/staff/products/import", viewport=PHONE)
    sound(page, PHONE["width"])
    page.fill("#text", LIST)
    page.locator("form.card button.button").click()
    page.wait_for_selector(".counts")
    assert page.locator(".planned .value").all_inner_texts() == ["0.12"]
    sound(page, PHONE["width"])


def test_a_mistake_is_said_beside_its_field_and_nothing_typed_is_lost(signed_in: SignIn) -> None:
    page = signed_in("staff", at="/staff/products/new", viewport=PHONE)
    page.fill("#name", "Tuna")
    page.fill("#yield_percent", "0.95")
    page.locator("form.card button.button").click()
    page.wait_for_selector(".notice.refusal")
    assert page.input_value("#name") == "Tuna"
    assert page.get_attribute("#yield_percent", "aria-invalid") == "true"
    sound(page, PHONE["width"])

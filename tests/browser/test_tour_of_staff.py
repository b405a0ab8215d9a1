"""Every page of staff, in both languages, on a phone and on a desk, by day and by night, each of these once."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE, SignIn
from tests.browser.test_every_page import violations
from tests.driver.api import Client, limited_offers

# An address, or a page and the link on it that leads on.
STOPS = (
    "/staff",
    "/staff/cycles",
    "/staff/cycles/new",
    ("/staff/cycles", "main a[href^='/staff/cycles/']:not([href*='/new'])"),
    ("", "main a[href$='/add']"),
    ("/staff/cycles", "main a[href^='/staff/cycles/']:not([href*='/new'])"),
    ("", "main a[href$='/cancel']"),
    ("/staff/cycles", "main a[href^='/staff/cycles/']:not([href*='/new'])"),
    ("", "main a[href^='/staff/offers/']"),
    "/staff/products",
    "/staff/products/new",
    "/staff/products/import",
    ("/staff/products", "main a[href^='/staff/products/']:not([href*='/new']):not([href*='/import'])"),
    "/staff/stores",
    "/staff/stores/new",
    ("/staff/stores", "main a[href^='/staff/stores/']:not([href*='/new'])"),
    "/staff/people",
    "/staff/people/new",
    ("/staff/people", "main a[href^='/staff/people/']:not([href*='/new'])"),
    "/orders",
    ("/orders", "main a[href^='/orders/']"),
    "/order",
    ("/order", "main a[href^='/order?store=']"),
    "/standing-order",
    ("/standing-order", "main a[href^='/standing-order?store=']"),
    "/account",
)
# Spanish, whose words are longer, where there is less room.
WAYS = (("es", PHONE, "dark"), ("en", DESK, "light"))


@pytest.fixture
def an_order(shop: list[Client]) -> None:
    offer = limited_offers(shop[0].cycle())[0]
    assert shop[0].place({offer["id"]: 2}).status_code == 201


def speak(page: Page, locale: str) -> None:
    """Choose the language as a person would."""
    if page.locator("html").get_attribute("lang") != locale:
        page.locator(f"header button[name=locale][value={locale}]").click()
        page.wait_for_load_state()


def stops(page: Page) -> Iterator[str]:
    """Go from page to page; yield where one is."""
    for stop in STOPS:
        address, link = (stop, None) if isinstance(stop, str) else stop
        if address:
            page.goto(address)
        if link:
            found = page.locator(link).first.get_attribute("href")
            assert found, stop
            page.goto(found)
        page.wait_for_load_state("load")
        yield page.url


@pytest.mark.parametrize(("locale", "viewport", "scheme"), WAYS, ids=["es-phone", "en-desk"])
def test_every_page_of_staff_is_accessible_fits_and_breaks_no_policy(
    an_order: None, signed_in: SignIn, locale: str, viewport: dict[str, int], scheme: str
) -> None:
    page = signed_in("staff", viewport=viewport, color_scheme=scheme)
    speak(page, locale)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        for place in stops(page):
            complaints += [f"{place}: {found}" for found in violations(page)]
            if page.evaluate("document.documentElement.scrollWidth") > viewport["width"]:
                complaints.append(f"{place}: wider than the screen")
            if page.locator("html").get_attribute("lang") != locale:
                complaints.append(f"{place}: another language")
    finally:
        speak(page, "en")
    assert complaints == []

"""What must hold on every page: no accessibility violation, nothing blocked by the policy, nothing too wide."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import LOOKS, PHONE, SignIn
from tests.driver.api import Client, limited_offers

# So often a page may grow while it is looked at.
TIMES = 5
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    # Every element that passes is not listed: that would take longer than the examination.
    "resultTypes": ["violations"],
}
PAGES = [("buyer1", "/order"), ("buyer1", "/orders"), ("buyer2", "/order"), ("buyer2", "/orders")]
PAGES += [("staff", "/staff/mails")]  # the others of theirs: test_tour_of_staff
PAGES += [("buyer1", "/standing-order"), ("buyer2", "/standing-order?q=limes")]


def violations(page: Page) -> list[str]:
    """Look at the whole page at once: what scrolls behind a sticky bar would be measured as cut off by it."""
    viewport = page.viewport_size
    assert viewport is not None
    for _ in range(TIMES):
        whole = max(page.evaluate("document.documentElement.scrollHeight"), viewport["height"])
        page.set_viewport_size({"width": viewport["width"], "height": whole})
        found = Axe().run(page, options=RULES).response["violations"]
        # One that has grown meanwhile, by what came after its load, was not seen as a whole.
        if page.evaluate("document.documentElement.scrollHeight") <= whole:
            break
    page.set_viewport_size(viewport)
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"][:3]]


@pytest.fixture
def something_ordered(shop: list[Client]) -> str:
    offers = limited_offers(shop[0].cycle())[:3]
    order = shop[0].place({offer["id"]: 2 for offer in offers})
    assert order.status_code == 201
    return str(order.json()["id"])


@pytest.mark.parametrize(("viewport", "scheme"), LOOKS)
@pytest.mark.parametrize(("person", "path"), PAGES)
def test_a_page_is_accessible_fits_and_breaks_no_policy(
    something_ordered: str, signed_in: SignIn, person: str, path: str, viewport: dict[str, int], scheme: str
) -> None:
    page = signed_in(person, at="", viewport=viewport, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
def test_the_sign_in_page_speaks_the_browsers_language_and_is_accessible(
    signed_in: SignIn, contexts: object, locale: str
) -> None:
    page = contexts(viewport=PHONE, locale=locale).new_page()  # type: ignore[operator]
    page.goto("/sign-in")
    assert page.locator("html").get_attribute("lang") == locale[:2]
    assert violations(page) == []


def test_one_order_shows_what_happened_to_it(something_ordered: str, signed_in: SignIn) -> None:
    page = signed_in("buyer1", at=f"/orders/{something_ordered}")
    assert violations(page) == []
    page.wait_for_function("document.querySelectorAll('main li, main tr').length >= 4")


def test_an_unknown_page_is_told_in_words(signed_in: SignIn) -> None:
    page = signed_in("buyer1", at="")
    answer = page.goto("/no-such-page")
    assert answer is not None
    assert answer.status == 404
    assert page.locator("h1").count() == 1
    assert violations(page) == []

"""The pages about one's own account, as a browser draws them: accessible, nothing blocked, nothing too wide."""

import pytest

from tests.browser.conftest import DESK, LOOKS, PHONE, SignIn
from tests.browser.test_every_page import violations

LONG_NAMES = ("Rosa's harvest sheet for the whole of Boyle Heights and East LA", "x" * 60)


@pytest.mark.parametrize(("viewport", "scheme"), LOOKS)
@pytest.mark.parametrize("person", ["buyer1", "staff"])
def test_the_account_is_accessible_and_fits(
    signed_in: SignIn, person: str, viewport: dict[str, int], scheme: str
) -> None:
    page = signed_in(person, at="/account", viewport=viewport, color_scheme=scheme)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.fill("#current_password", "wrong")
    page.fill("#new_password", "short")
    page.press("#new_password", "Enter")
    page.wait_for_selector("#notice")
    assert violations(page) == []


def test_a_token_is_made_on_the_phone_and_the_lists_still_fit(signed_in: SignIn) -> None:
    page = signed_in("buyer3", at="", viewport=PHONE)
    for name in LONG_NAMES:
        page.goto("/account")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.fill("#name", name[:60])
        page.press("#name", "Enter")
        page.wait_for_selector("textarea.token")
        assert violations(page) == []
    page.goto("/account")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for _ in LONG_NAMES:
        page.locator("form[action^='/account/tokens/'] button").first.click()
        page.wait_for_selector("#notice")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_setting_the_second_factor_up_is_accessible_and_breaks_no_policy(
    signed_in: SignIn, viewport: dict[str, int]
) -> None:
    page = signed_in("staff", at="", viewport=viewport)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto("/account")
    page.click("form[action='/account/second-factor'] button")
    page.wait_for_selector("svg.qr")
    assert violations(page) == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
@pytest.mark.parametrize("path", ["/forgot", "/forgot?done=sent", "/reset/nothing", "/welcome/nothing"])
def test_a_visitor_without_a_password_reads_these(contexts: object, path: str, locale: str) -> None:
    page = contexts(viewport=PHONE, locale=locale).new_page()  # type: ignore[operator]
    page.goto(path)
    assert page.locator("html").get_attribute("lang") == locale[:2]
    assert violations(page) == []

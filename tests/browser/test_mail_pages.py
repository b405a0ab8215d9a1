"""The pages behind mails: by signed link and from the account, on a phone and on a desk, by keyboard; bounces."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESK, PHONE, SignIn
from tests.browser.test_every_page import violations
from tests.browser.test_tour_of_staff import speak
from tests.driver.bounces import report
from tests.driver.polling import eventually
from tests.driver.system import System

# Whose mails are in which language, and what the opening's mail is called in it.
READERS = {"en": ("buyer2", "Prices for"), "es": ("buyer1", "Precios para")}
MOST_TABS = 40
# The parts of a time field, which the browser draws itself, are not the field's `:focus`.
FOCUSED = """selector => {
  const node = document.activeElement;
  const isSeen = !node.matches(":focus") || getComputedStyle(node).outlineStyle !== "none";
  return [node.matches(selector), isSeen, node.outerHTML.slice(0, 200)];
}"""


@pytest.fixture(params=READERS)
def locale(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def looked_at(page: Page, locale: str) -> None:
    """Look at a page on a phone and on a desk: accessible, not too wide, in its reader's language."""
    for viewport in (PHONE, DESK):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.locator("html").get_attribute("lang") == locale
    assert page.locator("h1").count() == 1


def tab_to(page: Page, selector: str) -> None:
    """Go there by the Tab key; every stop on the way must be seen to have the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        is_there, is_seen, what = page.evaluate(FOCUSED, selector)
        assert is_seen, what
        if is_there:
            return
    raise AssertionError(f"{selector} is not reached by {MOST_TABS} tabs")


def test_a_kind_is_ended_by_a_mails_link_and_taken_back(
    system: System, contexts: Callable[..., BrowserContext], locale: str
) -> None:
    person, subject = READERS[locale]
    mailbox = system.mailbox(all_of_it=True)
    mails = eventually(lambda: mailbox.new(to=f"{person}@", naming=subject), within_s=30, what="the price list")
    # Of a browser that speaks another language: the page speaks its reader's.
    page = contexts(viewport=PHONE, locale="fr-FR", color_scheme="dark" if locale == "es" else "light").new_page()
    page.goto(urlsplit(str(mails[0]["List-Unsubscribe"]).strip("<>")).path)
    asked = page.locator("h1").inner_text()
    looked_at(page, locale)
    tab_to(page, "main form button")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text(asked)
    looked_at(page, locale)
    tab_to(page, "main form button[name=again]")
    page.keyboard.press("Enter")
    expect(page.locator("button[name=again]")).to_have_count(0)
    looked_at(page, locale)


def test_what_comes_is_chosen_from_the_account_by_keyboard(signed_in: SignIn, locale: str) -> None:
    page = signed_in(READERS[locale][0], at="/account")
    page.locator("main a[href='/account/mails']").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/mail/preferences")
    looked_at(page, locale)
    reminder = page.locator("input[value=reminder][name=kind]")
    expect(reminder).to_be_checked()
    tab_to(page, "input[value=reminder][name=kind]")
    page.keyboard.press("Space")
    tab_to(page, "main form .actions button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    expect(reminder).not_to_be_checked()
    looked_at(page, locale)
    reminder.check()
    page.locator("input[name=quiet]").check()
    page.locator("input[name=starts]").fill("21:00")
    page.locator("input[name=ends]").fill("21:00")
    tab_to(page, "main form .actions button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    # What was chosen beside the mistake is kept in the form.
    expect(reminder).to_be_checked()
    looked_at(page, locale)
    page.locator("input[name=ends]").fill("05:00")
    page.locator("main form .actions button").click()
    expect(page.get_by_role("status")).to_be_visible()
    expect(reminder).to_be_checked()


def test_a_link_that_is_none_says_so_in_the_browsers_language(
    contexts: Callable[..., BrowserContext], locale: str
) -> None:
    page = contexts(viewport=PHONE, locale={"en": "en-US", "es": "es-MX"}[locale]).new_page()
    answer = page.goto("/mail/unsubscribe/not.signed")
    assert answer is not None
    assert answer.status == 404
    looked_at(page, locale)


def bounced(system: System, person: str, subject: str) -> str:
    """Let the opening's mail to somebody come back; return the path of the person's page."""
    mailbox = system.mailbox(all_of_it=True)
    mails = eventually(lambda: mailbox.new(to=f"{person}@", naming=subject), within_s=30, what="the price list")
    event = {"type": "bounced", "message_id": str(mails[0]["Message-ID"]), "status": "5.1.1", "detail": "no such user"}
    assert report(system, event) == {"taken": 1, "known": 0, "unknown": 0}
    return f"/staff/people/{system.client(person).me['id']}"


@pytest.fixture
def staff_in_spanish(signed_in: SignIn) -> Iterator[Page]:
    """A page of somebody of the staff who reads Spanish, also as notify knows it."""
    page = signed_in("staff", at="/staff/people")
    speak(page, "es")

    def is_known() -> bool:
        page.goto("/mail/gallery")
        return page.locator("html").get_attribute("lang") == "es"

    try:
        eventually(is_known, within_s=20, what="notify knows it")
        yield page
    finally:
        page.goto("/staff/people")
        speak(page, "en")


def test_staff_see_what_came_back_and_let_mails_go_there_again(system: System, staff_in_spanish: Page) -> None:
    page, person = staff_in_spanish, bounced(system, "buyer3", "Precios para")
    page.goto("/staff/mails?fate=undelivered")
    expect(page.locator("[data-list] [data-bad]").first).to_contain_text("came back: 5.1.1 no such user")
    page.goto(person)
    expect(page.locator("[data-held] > li")).to_have_count(1)
    looked_at(page, "es")
    tab_to(page, "[data-held] a")
    page.keyboard.press("Enter")
    expect(page.locator(".held")).to_have_count(1)
    looked_at(page, "es")
    page.locator(".held input[name=reason]").fill(" ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    looked_at(page, "es")
    page.locator(".held input[name=reason]").fill("Llamó: ya funciona")
    tab_to(page, ".held button")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{person}?done=lifted")
    # Read once more by the script: nothing is held back any more.
    expect(page.locator("[data-mails] [data-rows] > li").first).to_be_visible()
    expect(page.locator("[data-held]")).to_be_hidden()


def test_the_same_works_without_scripts(system: System, signed_in: SignIn) -> None:
    person = bounced(system, "buyer4", "Prices for")
    page = signed_in("staff", at=person, viewport=PHONE, java_script_enabled=False)
    page.locator(f"a[href='{person}/held-back']").click()
    page.locator(".held input[name=reason]").fill("called: it works")
    page.locator(".held button").click()
    page.wait_for_url(f"**{person}?done=lifted")
    page.locator(f"a[href='{person}/held-back']").click()
    expect(page.locator(".held")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("called: it works")


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_weekly_digest_is_shown_with_its_picture(signed_in: SignIn, language: str) -> None:
    page = signed_in("staff", at=f"/mail/gallery/price_digest/{language}")
    looked_at(page, "en")
    # The mail itself, as the gateway lets it be: no scripts, and pictures only from within.
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"/mail/gallery/price_digest/{language}/mail")
    picture = page.locator("img")
    expect(picture).to_have_count(1)
    assert picture.evaluate("shown => [shown.complete, shown.naturalWidth]") == [True, 1200]
    assert "$23.50" in (picture.get_attribute("alt") or "")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

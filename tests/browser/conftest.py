"""Debian's Chromium, driven by Playwright; one browser for all tests, a context of its own for each person."""

import re
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.driver.api import PASSWORD, Client
from tests.driver.system import System

# A browser that looks up its maker's hosts at every start would only wait for a closed network.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
# What fits depends on the width and what is read on the light: each page is seen in both of both, by two looks instead
# of four.
LOOKS = [pytest.param(PHONE, "dark", id="phone-dark"), pytest.param(DESK, "light", id="desk-light")]
PATIENCE_MS = 10_000
# Beside other suites and builds of images a page's question may wait for the disk longer than the usual five seconds.
SEEN_WITHIN_MS = 20_000
expect.set_options(timeout=SEEN_WITHIN_MS)
SEE_OTHER = 303
SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def contexts(browser: Browser, system: System) -> Iterator[Callable[..., BrowserContext]]:
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(base_url=system.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def signed_in(contexts: Callable[..., BrowserContext]) -> SignIn:
    """Open a session for a person and return a page of it: where the sign-in leads to, or `at` an address.

    The session is opened by the form that the sign-in page has, without drawing that page; `by_hand` fills it in.
    `at` "" draws nothing yet.
    """

    def sign_in(
        person: str,
        *,
        viewport: dict[str, int] = PHONE,
        at: str | None = None,
        by_hand: bool = False,
        **options: object,
    ) -> Page:
        context = contexts(viewport=viewport, **options)
        email = f"{person}@mercadito.example"
        page = context.new_page()
        if by_hand:
            page.goto("/sign-in")
            page.locator("input[name=email]").fill(email)
            page.locator("input[name=password]").fill(PASSWORD)
            page.locator("main form button.button").click()
            page.wait_for_url(lambda url: "/sign-in" not in url)
            return page
        leads_to = open_session(context, email)
        if at != "":
            page.goto(leads_to if at is None else at)
        return page

    return sign_in


def open_session(context: BrowserContext, email: str) -> str:
    """Send the sign-in form from the context, which keeps the cookies; return where it leads to."""
    form = context.request.get("/sign-in").text()
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token, form
    fields = {"csrf_token": token[1], "email": email, "password": PASSWORD}
    answer = context.request.post("/sign-in", form=fields, max_redirects=0)
    assert answer.status == SEE_OTHER, answer.text()
    return answer.headers["location"]


@pytest.fixture
def shop(all_buyers: list[Client]) -> list[Client]:
    """The five buyers' API clients, with nothing ordered."""
    for buyer in all_buyers:
        buyer.start_afresh()
    return all_buyers

"""Debian's Chromium, driven by Playwright; one browser for all tests, a context of its own for each person."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

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
PATIENCE_MS = 10_000
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
    """Sign a person in by the page and return it where the sign-in led to."""

    def sign_in(person: str, *, viewport: dict[str, int] = PHONE, **options: object) -> Page:
        page = contexts(viewport=viewport, **options).new_page()
        page.goto("/sign-in")
        page.locator("input[name=email]").fill(f"{person}@mercadito.example")
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("main form button.button").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    return sign_in


@pytest.fixture
def shop(system: System) -> list[Client]:
    """The five buyers' API clients, with nothing ordered."""
    buyers = [system.client(f"buyer{number}") for number in range(1, 6)]
    for buyer in buyers:
        buyer.start_afresh()
    return buyers

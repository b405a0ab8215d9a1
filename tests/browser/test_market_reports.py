"""The staff's page of market reports: started by the button, seen live; hostile files; whatever may be away."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import DESK, LOOKS, PHONE, SignIn
from tests.browser.test_every_page import violations
from tests.driver.api import Client
from tests.driver.database import run_sql
from tests.driver.polling import eventually
from tests.driver.price_files import (
    CRAWL_WITHIN_S,
    TODAY,
    Row,
    crawled,
    ended,
    market_days,
    newest_crawl,
    report,
    served,
    start_crawl,
)
from tests.driver.system import System

PATH = "/staff/market-reports"
API = re.compile(r"/api/v1/prices/")
SHOWN_WITHIN_MS = 20_000
OVER_WITHIN_MS = 60_000
STALE_WITHIN_MS = 30_000
SMALL_FILES = 60
MOST_STOPS = 150  # 50 files at once, each with its link
FOCUSED = "document.activeElement.matches('[data-fetch]') ? 'fetch' : document.activeElement.tagName"
MISCHIEF = "<script>window.harmed=1</script><img src=x onerror=window.harmed=1>"


@pytest.fixture
def staff(system: System) -> Client:
    return system.client("staff")


@pytest.fixture
def folder(system: System) -> Path:
    if system.served is None:
        pytest.skip("../shared/data/usda is not beside this checkout")
    return system.served


@contextmanager
def a_slow_crawl(folder: Path) -> Iterator[str]:
    """Serve so many small files that a crawl takes seconds; every one is new."""
    commodity = f"Guanabana{uuid.uuid4().hex[:8]}"
    rows = [Row(commodity, day, "10.00", "12.00") for day in market_days(2)]
    names = [f"{commodity.lower()}-{n:03}" for n in range(SMALL_FILES)]
    with served(folder, **{name: report([*rows, Row(commodity, TODAY, "9.00", "9.00", size=name)]) for name in names}):
        yield commodity


def opened(page: Page) -> Page:
    page.goto(PATH)
    expect(page.locator("[data-crawls] [data-rows] > li").first).to_be_visible(timeout=SHOWN_WITHIN_MS)
    return page


def said(page: Page, text: str) -> None:
    expect(page.locator("[data-said]")).to_have_text(re.compile(text), timeout=OVER_WITHIN_MS)


def file_row(name: str) -> str:
    return f"[data-files] li:has(:text-is('{name}.csv'))"


@pytest.mark.parametrize(("viewport", "scheme"), LOOKS)
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_is_accessible_fits_and_breaks_no_policy(
    staff: Client, signed_in: SignIn, viewport: dict[str, int], scheme: str, language: str
) -> None:
    page = signed_in("staff", at="", viewport=viewport, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    speak(page, language)
    opened(page)
    for part in page.locator("main details > summary").all():
        part.click()
    expect(page.locator("[data-standing]")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert complaints == []
    speak(page, "en")


def speak(page: Page, language: str) -> None:
    """Switch the language by the button that is there while the page speaks another."""
    page.goto("/account")
    button = page.locator(f"form[action='/language'] button[value={language}]")
    if button.count():
        button.click()
        page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == language


def test_a_crawl_started_by_the_button_is_seen_live_to_its_end(folder: Path, signed_in: SignIn) -> None:
    page = signed_in("staff", at="", viewport=DESK)
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    opened(page)
    expect(page.locator("[data-live]").first).to_have_attribute("data-live", "live", timeout=SHOWN_WITHIN_MS)
    page.evaluate("window.notReloaded = true")
    before = page.locator("[data-crawls] [data-rows] > li").first.get_attribute("data-key")
    page.evaluate(
        """() => {
          window.seen = [];
          const bar = document.querySelector("[data-progress] progress");
          new MutationObserver(() => bar.hidden || window.seen.push([bar.value, bar.max]))
            .observe(bar.parentElement, { subtree: true, attributes: true, childList: true, characterData: true });
        }"""
    )
    with a_slow_crawl(folder) as commodity:
        page.locator("[data-fetch]").focus()
        page.keyboard.press("Enter")
        said(page, "Started")
        expect(page.locator("[data-fetch]")).to_have_attribute("aria-disabled", "true")
        expect(page.locator("[data-progress] progress")).to_be_visible(timeout=SHOWN_WITHIN_MS)
        said(page, "The visit is over")
    seen = page.evaluate("window.seen")
    values = [value for value, _ in seen]
    assert values == sorted(values)
    assert len({value for value in values if value < SMALL_FILES}) >= 2, seen
    assert all(value <= most for value, most in seen)
    assert any('"k":"crawl"' in frame.replace(" ", "") for frame in frames)
    expect(page.locator("[data-progress]")).to_be_hidden()
    expect(page.locator("[data-fetch]")).to_have_attribute("aria-disabled", "false")
    assert page.locator("[data-crawls] [data-rows] > li").first.get_attribute("data-key") != before
    expect(page.locator("[data-files] h3").filter(has_text=commodity.lower()).first).to_be_visible()
    assert page.evaluate("window.notReloaded === true")
    assert page.evaluate("document.activeElement.matches('[data-fetch]')")


def test_without_scripts_a_visit_is_started_and_past_days_say_what_is_wrong(
    folder: Path, staff: Client, signed_in: SignIn
) -> None:
    eventually(lambda: newest_crawl(staff)["finished_at"], within_s=CRAWL_WITHIN_S, what="no crawl runs")
    before = newest_crawl(staff)["crawl_id"]
    page = signed_in("staff", java_script_enabled=False)
    page.goto(PATH)
    page.locator("form.fetch button").click()
    expect(page.get_by_role("status").filter(has_text="Started.")).to_be_visible()
    assert page.url.endswith("?answer=started")
    assert newest_crawl(staff)["crawl_id"] != before
    eventually(lambda: newest_crawl(staff)["finished_at"], within_s=CRAWL_WITHIN_S, what="the visit is over")
    page.locator("details.past > summary").click()
    page.locator("[name=from]").fill("2026-01-02")
    page.locator("[name=to]").fill("2025-12-31")
    page.locator("[data-days] button").click()
    expect(page.get_by_text("This is before the first day.")).to_be_visible()
    page.locator("[name=to]").fill("2026-01-06")
    page.locator("[data-days] button").click()
    expect(page.get_by_text("can not be asked for past days here").first).to_be_visible()  # it is a page of files
    expect(page.locator("[name=from]")).to_have_value("2026-01-02")
    assert folder.is_dir()


def test_with_scripts_past_days_are_not_offered_where_no_source_can_tell_them(signed_in: SignIn) -> None:
    page = opened(signed_in("staff"))
    page.locator("details.past > summary").click()
    expect(page.locator("[data-unable]")).to_be_visible()
    expect(page.locator("[data-days]")).to_be_hidden()


def test_who_presses_while_a_crawl_runs_is_told_so(folder: Path, staff: Client, signed_in: SignIn) -> None:
    eventually(lambda: newest_crawl(staff)["finished_at"], within_s=CRAWL_WITHIN_S, what="no crawl runs")
    page = signed_in("staff", at="")
    page.route_web_socket(re.compile(r"/ws$"), lambda socket: socket.close())
    opened(page)
    page.route(re.compile(r"/api/v1/prices/(crawls\?|schedule)"), lambda route: route.abort())  # it does not know yet
    with a_slow_crawl(folder):
        running = start_crawl(staff)
        page.locator("[data-fetch]").click()
        said(page, "A visit is running already")
        ended(staff, running)


def test_what_a_hostile_file_holds_is_shown_and_does_nothing(folder: Path, staff: Client, signed_in: SignIn) -> None:
    name = f"hostile-{uuid.uuid4().hex[:8]}"
    good = Row(f"Mamey{uuid.uuid4().hex[:8]}", TODAY, "10.00", "12.00")
    bad = Row(f"Mamey {MISCHIEF}", TODAY, "30.00", "12.00", comment='=HYPERLINK("http://evil.example")\u202e')
    refused = f"refused-{uuid.uuid4().hex[:8]}"
    with served(folder, **{name: report([good, bad]), refused: f"<html>{MISCHIEF}</html>"}):
        crawled(staff)
        page = signed_in("staff", at="")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        opened(page)
        row = page.locator(file_row(name))
        expect(row.locator(".account")).to_contain_text("set aside")
        summary = row.locator("details[data-part=quarantine] > summary")
        summary.focus()
        page.keyboard.press("Enter")
        raw = row.locator("code.raw")
        expect(raw).to_contain_text(MISCHIEF)
        expect(raw).to_contain_text("[U+202E]")
        expect(row.locator("ol.quarantine")).to_contain_text("line 3")
        expect(row.locator("ol.quarantine")).to_contain_text("The prices contradict each other.")
        expect(page.locator(file_row(refused))).to_contain_text("A web page came instead of a file.")
        assert page.locator("main script, main img").count() == 0
        assert page.evaluate("window.harmed") is None
        assert violations(page) == []
        assert complaints == []


def test_while_the_price_service_is_away_the_page_says_so_and_comes_back_by_itself(signed_in: SignIn) -> None:
    page = opened(signed_in("staff", at=""))
    page.route(API, lambda route: route.fulfill(status=503, content_type="application/problem+json", body="{}"))
    page.locator("[data-fetch]").click()
    said(page, "does not answer right now. Nothing was started")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("[data-away]")).to_be_visible(timeout=SHOWN_WITHIN_MS)
    assert page.locator("[data-files] [data-rows] > li").count() > 0
    assert violations(page) == []
    page.unroute(API)
    expect(page.locator("[data-away]")).to_be_hidden(timeout=SHOWN_WITHIN_MS)


def test_an_identity_that_ran_out_is_renewed_without_a_word(staff: Client, signed_in: SignIn) -> None:
    page = opened(signed_in("staff", at=""))
    page.context.clear_cookies(name="mercadito_id")
    with page.expect_request(re.compile("/api/v1/session/renew")):
        page.locator("[data-fetch]").click()
    said(page, "Started|over")
    ended(staff, newest_crawl(staff)["crawl_id"])


def test_whose_session_has_ended_is_told_to_sign_in(signed_in: SignIn) -> None:
    page = opened(signed_in("staff", at=""))
    page.context.clear_cookies()
    page.locator("[data-fetch]").click()
    badge = page.locator("[data-signed-out]")
    expect(badge).to_be_visible(timeout=SHOWN_WITHIN_MS)
    assert badge.get_by_role("link").get_attribute("href") == "/sign-in?next=%2Fstaff%2Fmarket-reports"


def test_without_live_news_the_page_looks_by_itself(folder: Path, staff: Client, signed_in: SignIn) -> None:
    page = signed_in("staff", at="")

    def refuse(socket: WebSocketRoute) -> None:
        socket.close()

    page.route_web_socket(re.compile(r"/ws$"), refuse)
    page.route(re.compile(r"/sse\?"), lambda route: route.abort())
    opened(page)
    expect(page.locator("[data-stale]")).to_be_visible(timeout=STALE_WITHIN_MS)
    crawl = crawled(staff)
    row = page.locator(f"[data-crawls] li[data-key='{crawl['crawl_id']}']")
    expect(row).to_be_visible(timeout=OVER_WITHIN_MS + 10_000)


def test_buyers_do_not_come_here_and_do_not_see_the_way(signed_in: SignIn) -> None:
    page = signed_in("buyer2", at="")
    answer = page.goto(PATH)
    assert answer is not None
    assert answer.status == 403
    assert page.locator(f"a[href='{PATH}']").count() == 0


@pytest.fixture
def failed(system: System) -> Iterator[None]:
    """As if the last crawl had failed: what orders keeps of it."""
    run_sql(system, "UPDATE market_feed SET failed_at = at;")
    yield
    run_sql(system, "UPDATE market_feed SET failed_at = NULL;")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_the_board_leads_to_the_reports_when_the_last_visit_failed(
    failed: None, signed_in: SignIn, viewport: dict[str, int]
) -> None:
    page = signed_in("staff", at="/staff", viewport=viewport)
    notice = page.locator(".market .notice")
    expect(notice).to_contain_text("The last visit to the USDA ended early")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    notice.get_by_role("link").click()
    page.wait_for_url(f"**{PATH}")


def test_a_crawl_that_was_killed_shows_on_an_open_board_until_one_succeeds(
    system: System, folder: Path, staff: Client, signed_in: SignIn
) -> None:
    board = signed_in("staff", at="/staff", viewport=DESK)
    expect(board.locator("[data-live]").first).to_have_attribute("data-live", "live", timeout=SHOWN_WITHIN_MS)
    notice = board.locator("[data-region=market] .notice")
    expect(notice).to_have_count(0)
    with a_slow_crawl(folder):
        first = start_crawl(staff)
        eventually(lambda: newest_crawl(staff)["files"] >= 1, within_s=CRAWL_WITHIN_S, what="the crawl runs")
        killed = system.kill("usda")
        system.came_back("usda", instead_of=killed)  # its first crawl closes the one that was killed
        expect(notice).to_contain_text("ended early", timeout=OVER_WITHIN_MS)
        assert ended(staff, first)["state"] == "failed"
        expect(notice).to_have_count(0, timeout=OVER_WITHIN_MS)
    assert ended(staff, newest_crawl(staff)["crawl_id"])["state"] == "finished"


def test_everything_can_be_reached_by_keyboard(signed_in: SignIn) -> None:
    page = opened(signed_in("staff", at="", viewport=DESK))
    page.locator("main").focus()
    stops: list[str] = []
    while "SUMMARY" not in stops and len(stops) < MOST_STOPS:
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
    assert "fetch" in stops
    assert "SUMMARY" in stops

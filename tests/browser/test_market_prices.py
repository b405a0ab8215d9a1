"""The market prices pages in a browser: found as one types, read by keyboard, live, and honest when nothing answers."""

import json
import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import DESK, PHONE, SignIn
from tests.browser.test_every_page import violations
from tests.driver.api import Client
from tests.driver.database import run_sql
from tests.driver.polling import eventually
from tests.driver.system import System

SERIES_ROUTE = re.compile(r"/api/v1/prices/series/[^/?]+$")
MARKETS_ROUTE = re.compile(r"/api/v1/prices/series/[^/?]+/markets$")
DATASETS = "Chart.getChart(document.querySelector('canvas')).data.datasets"
NEWS_WITHIN_MS = 15_000
BACK_WITHIN_MS = 15_000
FEWEST_QUOTES = 3
# Everybody's page is looked at once, each time in another language, width and light.
WAYS = [("buyer1", PHONE, "light"), ("buyer2", DESK, "dark"), ("staff", DESK, "light"), ("staff", PHONE, "dark")]


@pytest.fixture(scope="module")
def series(system: System) -> dict[str, Any]:
    """A series that something on offer follows, the one with most quotes."""
    buyer = system.client("buyer2")
    followed = {offer["product"]["series_id"] for offer in buyer.cycle()["offers"]}
    items = prices(buyer, "/series?limit=1000")["items"]
    return max((item for item in items if item["series_id"] in followed), key=lambda item: item["quotes"])


def prices(client: Client, path: str) -> Any:
    answer = client.http.get(f"/api/v1/prices{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def complaints_of(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def open_series(page: Page, series: dict[str, Any]) -> None:
    page.goto(f"/prices/{series['series_id']}")
    expect(page.locator("[data-filled]")).to_be_visible()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def weekdays_after(day: date, count: int) -> list[date]:
    ahead = (day + timedelta(days=number) for number in range(1, 2 * count + 3))
    return [each for each in ahead if each.weekday() < 5][:count]


def with_everything(route: Route) -> None:
    """The service's own answer, with a trend, an estimate, a report and a mostly range whatever it has of them."""
    answer = route.fetch()
    body = answer.json()
    last = body["points"][-1]
    last |= {"mostly_low": last["low"], "mostly_high": last["high"]}
    price = float(last["reference"])
    line = [
        {"date": point["date"], "value": f"{price:.2f}", "low": f"{price * 0.9:.2f}", "high": f"{price * 1.1:.2f}"}
        for point in body["points"]
    ]
    ahead = [{**line[-1], "date": day.isoformat()} for day in weekdays_after(date.fromisoformat(last["date"]), 10)]
    tried = {"days": 5, "origins": 40, "mape_pct": 3.0, "naive_mape_pct": 3.1, "coverage": 0.81}
    body |= {
        "trend": {"pct_week": 1.8, "pct_week_low": -0.4, "pct_week_high": 4.0, "points": line},
        "forecast": {"as_of": last["date"], "method": "naive", "quotes": 40, "points": ahead, "backtest": [tried]},
        "report": {
            "report_id": "2306",
            "date": last["date"],
            "title": "Los Angeles fruit",
            "narrative": "MARKET STEADY <b>BOLD</b>",
            "url": "https://example.org/report",
        },
    }
    route.fulfill(response=answer, json=body)


def with_other_markets(route: Route) -> None:
    answer = route.fetch()
    body = answer.json()
    own = body["items"][0]
    body["items"].append({**own, "series_id": str(uuid.uuid4()), "market": "Chicago"})
    route.fulfill(response=answer, json=body)


@pytest.mark.parametrize(("person", "viewport", "scheme"), WAYS)
def test_the_pages_are_accessible_fit_and_break_no_policy(
    signed_in: SignIn, series: dict[str, Any], person: str, viewport: dict[str, int], scheme: str
) -> None:
    page = signed_in(person, at="", viewport=viewport, color_scheme=scheme)
    complaints = complaints_of(page)
    page.goto("/prices")
    expect(page.locator("[data-commodities] a").first).to_be_visible()
    assert violations(page) == []
    assert fits(page)
    page.goto(f"/prices?commodity={series['commodity']}")
    expect(page.locator("[data-list] a").first).to_be_visible()
    assert violations(page) == []
    assert fits(page)
    page.route(SERIES_ROUTE, with_everything)
    page.route(MARKETS_ROUTE, with_other_markets)
    open_series(page, series)
    page.locator(".numbers summary").click()
    page.locator("[data-markets] input").check()
    expect(page.locator("[data-legend] input")).to_have_count(6)
    assert violations(page) == []
    assert fits(page)
    assert complaints == []


def test_a_commodity_is_found_as_one_types_and_by_keyboard_alone(signed_in: SignIn) -> None:
    page = signed_in("buyer1", at="/prices")
    page.locator("#q").focus()
    page.keyboard.type("agua")
    link = page.locator("[data-commodities] a", has_text="Aguacates")
    page.keyboard.press("Enter")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#commodity")).to_be_focused()
    expect(page.locator("#commodity")).to_have_text("Aguacates")
    assert "commodity=Avocados" in page.url
    found = len(page.locator("[data-list] a").all())
    page.locator("#pick-size").select_option(index=1)
    expect(page.locator("[data-list] a")).not_to_have_count(found)
    assert "size=" in page.url
    page.reload()
    expect(page.locator("[data-list] a").first).to_be_visible()
    assert page.locator("#pick-size").input_value() != "*"
    page.go_back()
    expect(page.locator("[data-commodities] a").first).to_be_visible()
    assert page.locator("#q").input_value() == "agua"


def test_what_nobody_knows_is_said_and_what_is_typed_is_only_text(signed_in: SignIn) -> None:
    page = signed_in("buyer2", at="/prices")
    complaints = complaints_of(page)
    page.locator("#q").fill("<img src=x onerror=alert(1)>")
    expect(page.locator("[data-nothing]")).to_contain_text("<img src=x onerror=alert(1)>")
    page.goto("/prices?commodity=%3Cb%3ENothing")
    expect(page.locator("[data-no-series]")).to_contain_text("<b>Nothing")
    assert complaints == []


def test_a_series_is_read_by_keyboard_day_by_day_and_as_a_table(signed_in: SignIn, series: dict[str, Any]) -> None:
    assert series["quotes"] >= FEWEST_QUOTES
    page = signed_in("buyer2", at="", viewport=DESK)
    open_series(page, series)
    expect(page.locator("[data-summary]")).to_contain_text(series["commodity"])
    assert page.locator("canvas").get_attribute("aria-labelledby") == "summary"
    slider = page.locator("[data-day]")
    slider.focus()
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowLeft")
    expect(slider).not_to_have_attribute("aria-valuetext", before or "")
    expect(page.locator("[data-readout]")).to_have_text(slider.get_attribute("aria-valuetext") or "")
    page.locator(".numbers summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator("[data-table] tbody tr")
    # The estimate's days stand above the quotes.
    assert rows.count() >= series["quotes"]
    newest = rows.first.inner_text()
    page.locator("[data-table] th button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("[data-table] th").first.get_attribute("aria-sort") == "ascending"
    assert rows.last.inner_text() == newest


def test_the_chart_is_drawn_and_drawn_anew_in_the_dark(signed_in: SignIn, series: dict[str, Any]) -> None:
    page = signed_in("buyer2", at="", viewport=DESK, color_scheme="light")
    open_series(page, series)
    expect(page.locator("canvas")).to_be_visible()
    colour = f"{DATASETS}.find((set) => set.key === 'reference').borderColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => {colour} !== '{light}'")  # a function: the policy forbids to evaluate texts
    drawn = "(() => { const {width, height} = document.querySelector('canvas'); return document.querySelector('canvas')"
    drawn += ".getContext('2d').getImageData(0, 0, width, height).data.some((value) => value > 0); })()"
    assert page.evaluate(drawn)
    boxes = page.locator("[data-legend] input")
    shown = page.evaluate(f"{DATASETS}.length")
    boxes.first.focus()
    page.keyboard.press("Space")
    assert page.evaluate(f"{DATASETS}.length") < shown


def test_an_estimate_is_told_as_one_in_words_with_how_far_off_it_was(signed_in: SignIn, series: dict[str, Any]) -> None:
    page = signed_in("buyer2", at="")
    page.route(SERIES_ROUTE, with_everything)
    open_series(page, series)
    said = page.locator("main").inner_text()
    for words in (
        "our estimate, not the USDA's",
        "takes the price to stay as it was last",
        "+1.8\u00a0%",
        "40 past days",
    ):
        assert words in said, words
    assert "81\u00a0% of the prices fell into the band" in said
    assert "naive" not in said
    assert page.locator("[data-report-link]").get_attribute("href") == "https://example.org/report"
    page.locator("[data-narrative]").locator("xpath=ancestor::details/summary").click()
    expect(page.locator("[data-narrative]")).to_have_text("MARKET STEADY <b>BOLD</b>")


def test_an_unknown_series_is_said_with_a_way_on(signed_in: SignIn) -> None:
    page = signed_in("buyer1", at=f"/prices/{uuid.uuid4()}")
    expect(page.locator("[data-missing]")).to_be_visible()
    assert page.locator("[data-filled]").is_hidden()
    assert violations(page) == []
    page.locator("[data-missing] a").click()
    page.wait_for_url("**/prices")


def test_a_series_without_quotes_is_said(signed_in: SignIn, series: dict[str, Any]) -> None:
    page = signed_in("buyer2", at="")
    nothing: dict[str, Any] = {"points": [], "last_date": None, "trend": None, "forecast": None, "report": None}
    page.route(SERIES_ROUTE, lambda route: route.fulfill(json={**route.fetch().json(), **nothing}))
    page.goto(f"/prices/{series['series_id']}")
    expect(page.locator("[data-no-points]")).to_be_visible()
    assert violations(page) == []


def test_old_prices_are_called_old(signed_in: SignIn, series: dict[str, Any]) -> None:
    page = signed_in("buyer2", at="")

    def aged(route: Route) -> None:
        body = route.fetch().json()
        old = [{**body["points"][-1], "date": "2025-12-10"}]
        told = {"points": old, "age_business_days": 19, "trend": None, "forecast": None, "no_forecast": "stale"}
        route.fulfill(json={**body, **told})

    page.route(SERIES_ROUTE, aged)
    open_series(page, series)
    expect(page.locator("[data-old]")).to_contain_text("Old price: the last quote is 19 market days old")
    expect(page.locator("[data-no-estimate]")).to_have_text("No estimate: the last quote is too old.")


def test_a_service_that_is_away_is_said_and_asked_again_until_it_answers(
    signed_in: SignIn, series: dict[str, Any]
) -> None:
    page = signed_in("buyer2", at="")
    page.route("**/api/v1/prices/**", lambda route: route.fulfill(status=503, json={}))
    page.goto(f"/prices/{series['series_id']}")
    away = page.locator("[data-series-notices] [data-notice-of=away]")
    expect(away).to_be_visible()
    expect(page.locator("[data-told-before]")).to_be_visible()
    assert violations(page) == []
    page.unroute("**/api/v1/prices/**")
    expect(page.locator("[data-filled]")).to_be_visible(timeout=BACK_WITHIN_MS)
    expect(away).to_be_hidden()


def test_a_network_that_was_cut_is_said_and_used_again_at_once(signed_in: SignIn) -> None:
    page = signed_in("buyer1", at="/prices")
    expect(page.locator("[data-commodities] a").first).to_be_visible()
    page.context.set_offline(True)
    page.locator("#q").fill("fres")
    expect(page.locator("[data-names-notices] [data-notice-of=away]")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("[data-commodities] a", has_text="Fresas")).to_be_visible(timeout=BACK_WITHIN_MS)
    expect(page.locator("[data-names-notices] [data-notice-of=away]")).to_be_hidden()


def test_without_the_library_the_words_and_the_table_are_there(signed_in: SignIn, series: dict[str, Any]) -> None:
    page = signed_in("buyer2", at="")
    page.route("**/vendor/**", lambda route: route.abort())
    open_series(page, series)
    expect(page.locator("canvas")).to_be_hidden()
    expect(page.locator("[data-summary]")).to_contain_text("$")
    page.locator(".numbers summary").click()
    expect(page.locator("[data-table] tbody tr").first).to_be_visible()


def test_a_quote_that_comes_in_refreshes_the_open_page(
    system: System, signed_in: SignIn, series: dict[str, Any]
) -> None:
    """The event goes the whole way: outbox, relay, JetStream, realtime, socket, page, price service."""
    page = signed_in("buyer2", at="")
    open_series(page, series)
    expect(page.locator("[data-series]")).to_have_attribute("data-live", "live", timeout=BACK_WITHIN_MS)
    with page.expect_request(SERIES_ROUTE, timeout=NEWS_WITHIN_MS):
        announce(system, series, "19.25")
    expect(page.locator("[data-said]")).to_contain_text("$19.25", timeout=NEWS_WITHIN_MS)


def announce(system: System, series: dict[str, Any], price: str) -> None:
    event_id = str(uuid.uuid4())
    quote = {name: series[name] for name in ("series_id", "commodity", "variety", "package", "size", "organic")}
    amounts = {"low": price, "high": price, "mostly_low": None, "mostly_high": None, "reference": price}
    told = {"market": series["market"], "report_id": "2306", "report_date": series["last_date"]}
    body = {**told, "part": 1, "parts": 1, "quotes": [{**quote, **amounts, "date": series["last_date"]}]}
    kind = "usda.price.recorded.v1"
    headers = {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "Nats-Msg-Id": event_id,
        "ce-type": kind,
        "ce-source": "/mercadito/usda",
        "ce-time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce-subject": "2306",
        "ce-dataschema": f"https://mercadito.example/events/schemas/{kind}.schema.json",
        "content-type": "application/json",
    }
    values = (
        f"'{event_id}', '{kind}', '2306', $h${json.dumps(headers)}$h$, convert_to($b${json.dumps(body)}$b$, 'UTF8')"
    )
    run_sql(system, f"INSERT INTO outbox (event_id, type, subject, headers, body) VALUES ({values});", "usda")


def test_price_sources_lead_to_their_series(signed_in: SignIn, series: dict[str, Any]) -> None:
    page = signed_in("buyer2", at="/order")
    link = page.locator(f"a[href='/prices/{series['series_id']}']").first
    with page.context.expect_page() as opened:
        link.click()
    expect(opened.value.locator("[data-filled]")).to_be_visible()


def test_nobody_is_led_to_it_without_signing_in(system: System, contexts: Any) -> None:
    page = contexts(viewport=PHONE).new_page()
    page.goto("/prices")
    assert eventually(lambda: "/sign-in" in page.url, within_s=5, what="the sign-in page")

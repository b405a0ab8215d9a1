"""The page of market reports as the server draws it, and what the staff's board says of the market."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from orders.application.incoming import read_crawl, read_quotes
from orders.domain.people import Role

FAILED = {"source": "https://usda.example/", "crawl_id": "c", "state": "failed"}
NOON = datetime(2026, 1, 8, 20, tzinfo=UTC)
# What the price service says of files, rows and visits; each needs words of its own.
REASONS = {
    "no report 2306 since 2026-01-16 (3 market days)": "A report has not come for days.",
    "interrupted: its process ended before it did": "The visit was cut short by a restart.",
    "stopped": "The visit was cut short by a restart.",
    "the crawl took longer than USDA_CRAWL_DEADLINE_S": "The visit took too long.",
    "the index could not be read: HTTP 503": "The USDA's site is overloaded or out of order.",
    "index: the index could not be read: HTTP 404": "The link leads nowhere.",
    "HTTP 403": "The USDA's site does not let us in.",
    "HTTP 418": "The USDA's site gave an answer that we do not know.",
    "the API refuses the key; check USDA_MARS_KEY": "The USDA's site does not let us in.",
    "the API knows no report 2399; check USDA_MARS_REPORTS": "The USDA's site does not know a report that we ask for.",
    "the API is still preparing its answer": "The USDA's site is overloaded or out of order.",
    "HTTP 429: too many requests; the rest waits for the next crawl": "The USDA's site asks us to wait.",
    "mars: given up after 5 failures in a row (the last: HTTP 503)": "The USDA's site asks us to wait.",
    "JSON without results: maintenance": "The USDA's site gave an answer that we do not know.",
    "the answer holds 5000 of 12000 rows of Report Details": "The USDA's site sent only a part.",
    "149 rows with a range of more than half their middle": "Some prices have an unusually wide range.",
    "a report header can't be read: row 2: report_date is not a day": "The text at a report's head could not be read.",
    "forbidden by robots.txt": "The site asks programs to stay away from this.",
    "robots.txt could not be read (HTTP 503)": "The USDA's site could not be reached, or broke off.",
    "the host is not in USDA_ALLOWED_HOSTS": "A link led to a site that is not allowed.",
    "Connection was refused by other side: 111": "The USDA's site could not be reached, or broke off.",
    "User timeout: Getting x took longer than 60.0 seconds": "The USDA's site was too slow.",
    "TimeoutError": "The USDA's site was too slow.",
    "the index has no links to CSV files or pages": "The page with the links is not the one we know.",
    "the report page has no export link": "The page with the links is not the one we know.",
    "12 links were left out: a crawl takes at most 500 files": "There were more links than one visit may follow.",
    "an HTML page without a table of prices: 'Service unavailable'": "A web page came instead of a file.",
    "the HTML page breaks off within a table": "The file is empty or broken off.",
    "the gzip data is truncated or damaged": "The file is empty or broken off.",
    "columns are missing: low_price": "The file has other columns than those we know.",
    "more than 1000000 rows": "The file is too large.",
    "no price columns": "A table without prices.",
    "an Excel workbook, not a table of text": "That is not a table that we can read.",
    "its rows name no day, and the server gave no Last-Modified": "The file does not say of which day it is.",
    "3 of 72 rows quarantined": "Some rows could not be read and were set aside.",
    "low 9 is above high 3": "The prices contradict each other.",
    "low price is negative: '-3'": "A price is zero or negative.",
    "low price is not a price: 'x'": "A price is not a number.",
    "report_date is not a day: '13/45/2026'": "The date makes no sense.",
    "commodity is blank": "The row does not say what it is about.",
    "51 fields instead of 50": "The row has too many or too few fields.",
    "size contains a control character": "The row holds something that does not belong there.",
    "internal error: KeyError": "The price service made a mistake.",
}


@pytest.fixture
def staff(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.person(Role.STAFF))


def _attribute(page: Any, name: str) -> Any:
    (place,) = page.read.having("div", **{"data-market-reports": ""})
    return json.loads(place[name])


def test_the_page_brings_the_words_and_the_frame_for_its_script(staff: Any) -> None:
    page = staff.get("/staff/market-reports")
    assert page.status == 200
    assert page.read.unbalanced == []
    assert "Market reports" in page.words
    assert _attribute(page, "data-words")["fetchNow"] == "Fetch now"
    (place,) = page.read.having("div", **{"data-market-reports": ""})
    assert place["data-zone"] == "America/Los_Angeles"
    for name in ("standing", "fetch", "said", "progress", "files", "crawls", "away", "loading", "stale", "icons"):
        assert re.search(rf"data-{name}\b", page.html), name


def test_without_scripts_the_page_says_where_the_same_is(staff: Any) -> None:
    page = staff.get("/staff/market-reports")
    for path in ("/api/v1/prices/crawls", "/api/v1/prices/reports"):
        assert page.read.having("a", href=path)


def test_the_page_speaks_spanish(world: Any, signed_in: Callable[..., Any]) -> None:
    page = signed_in(world.person(Role.STAFF, locale="es")).get("/staff/market-reports")
    assert "Reportes del mercado" in page.words
    assert _attribute(page, "data-words")["fetchNow"] == "Traer ahora"
    assert any("saturado" in rule[1] for rule in _attribute(page, "data-problems"))


def test_buyers_are_refused_and_who_is_not_signed_in_is_asked_to(market: Any, browser: Any) -> None:
    assert market.browser.get("/staff/market-reports").status == 403
    asked = browser.get("/staff/market-reports")
    assert (asked.status, asked.headers["Location"]) == (303, "/sign-in?next=%2Fstaff%2Fmarket-reports")


@pytest.mark.parametrize(
    ("asked", "back"),
    [
        ("/account?x=" + "/" * 3_000, "%2Faccount"),
        ("/account/" + "x" * 3_000, None),
        ("/account?x=1", "%2Faccount%3Fx%3D1"),
    ],
)
def test_what_signing_in_leads_back_to_is_bounded(browser: Any, asked: str, back: str | None) -> None:
    """It comes back encoded, at three times its length: an answer's head must stay one that a proxy reads."""
    answer = browser.get(asked)
    assert sum(len(name) + len(value) for name, value in answer.headers.items()) < 4_096
    assert back is None or answer.headers["Location"] == f"/sign-in?next={back}"


@pytest.mark.parametrize(("reason", "words"), REASONS.items())
def test_a_reason_of_the_price_service_is_put_in_words(staff: Any, reason: str, words: str) -> None:
    rules = _attribute(staff.get("/staff/market-reports"), "data-problems")
    fitting = next(rule for rule in rules if re.search(rule[0], reason, re.IGNORECASE))
    assert fitting[1] == words
    assert fitting[2]


def _failed(transactions: Any) -> None:
    transactions.run(lambda work: work.market.crawl_seen(read_crawl(FAILED, NOON)))


def test_the_board_says_nothing_of_the_market_while_all_is_well(market: Any, staff: Any) -> None:
    page = staff.get("/staff")
    assert page.read.having("div", **{"data-region": "market"})
    assert '<div class="market" data-region="market"></div>' in page.html
    assert not page.read.having("a", href="/staff/market-reports")


def test_the_board_says_that_the_last_visit_failed_with_or_without_a_market_day(
    world: Any, staff: Any, transactions: Any
) -> None:
    _failed(transactions)
    page = staff.get("/staff")
    assert "The last visit to the USDA ended early, Thu, Jan 8, 12:00" in page.words
    assert page.read.having("a", href="/staff/market-reports")
    world.cycle()
    assert "ended early" in staff.get("/staff/board").words


def test_the_board_says_that_the_report_is_late(world: Any, staff: Any, transactions: Any) -> None:
    series = str(uuid4())
    world.product("Limes", series_id=series)
    quote = {"series_id": series, "commodity": "Limes", "date": "2025-12-01", "reference": "20.00"}
    told = {"market": "Los Angeles", "report_id": "2306", "quotes": [quote]}
    transactions.run(lambda work: work.market.record(read_quotes(told)))
    assert re.search(
        r"No market report for \d+ market days: the newest prices are of Mon, Dec 1", staff.get("/staff").words
    )


PAGE, VISITS = "/staff/market-reports", "/staff/market-reports/visits"
DAYS = {"from": "2026-01-02", "to": "2026-01-08", "days": "yes"}


def _days_form(browser: Any) -> Any:
    (form,) = (form for form in browser.get(PAGE).read.forms if "from" in form.fields)
    return form


@pytest.mark.parametrize("typed", [{}, {**DAYS, "sources": "mars"}])
def test_a_form_goes_on_to_the_price_service_with_a_fresh_identity(staff: Any, typed: dict[str, str]) -> None:
    form = _days_form(staff) if typed else staff.get(PAGE).form(VISITS)
    assert form.fields["next"] == PAGE
    sent = staff.post(form.action, {**form.fields, **typed}, follow=False)
    assert (sent.status, sent.headers["Location"]) == (307, "/api/v1/prices/crawls")  # 307: the body goes along
    assert "mercadito_id=" in sent.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"from": ""}, "from", "Fill this in."),
        ({"to": "soon"}, "to", "Write a day"),
        ({"to": "2026-01-01"}, "to", "This is before the first day."),
        ({"from": "2999-01-01", "to": "2999-01-02"}, "from", "This day is still to come."),
        ({"from": "2025-01-01"}, "to", "At most 31 days at once."),
    ],
)
def test_days_that_make_no_sense_stay_in_the_form_with_a_sentence_beside_them(
    staff: Any, typed: dict[str, str], field: str, said: str
) -> None:
    form = _days_form(staff)
    page = staff.post(VISITS, {**form.fields, **DAYS, **typed})
    assert page.status == 422
    assert said in page.words
    (again,) = (form for form in page.read.forms if "from" in form.fields)
    wanted = {**DAYS, **typed}
    assert (again.fields["from"], again.fields["to"]) == (wanted["from"], wanted["to"])
    assert page.read.having("input", name=field, aria_invalid="true")
    assert page.read.unbalanced == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("answer=started", "New prices show up as they come in."),
        ("answer=crawl-running&from=2026-01-02&to=2026-01-08", "A visit is running already."),
        ("answer=invalid&field=sources&sources=portal", "This source can not be asked for past days here."),
        ("answer=invalid&field=to&from=2026-01-02", "The price service does not take these days."),
        ("answer=unauthenticated", "Please send it once more."),
        ("answer=unavailable", "The price service does not answer right now."),
        ("answer=%3Cscript%3E&field=%3Cb%3E", "That did not work"),
    ],
)
def test_what_the_price_service_answered_is_said_on_the_page(staff: Any, query: str, said: str) -> None:
    page = staff.get(f"{PAGE}?{query}")
    assert said in page.words
    assert "<b>" not in page.html
    assert page.read.unbalanced == []
    if "from=" in query:
        assert page.read.having("input", name="from", value="2026-01-02")


def test_only_staff_and_only_from_this_page(staff: Any, market: Any) -> None:
    token = market.browser.get("/orders").form("/sign-out").fields["csrf_token"]
    assert market.browser.post(VISITS, {"csrf_token": token, **DAYS}).status == 403
    assert staff.post(VISITS, {**DAYS, "csrf_token": "guessed"}).status == 403

"""A crawl that a page's form asks for, without a script: the answer leads back to the page and says what came of it."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fastapi.testclient import TestClient
from usda_ingest.api.wanted_form import MAX_FIELDS, local_path
from usda_ingest.crawling.plan import Plan
from usda_ingest.sources.window import Window

CRAWLS, PAGE = "/api/v1/prices/crawls", "/staff/market-reports"
MARS = {"USDA_MARS_URL": "http://mars.test", "USDA_MARS_REPORTS": "2306,2309", "USDA_MARS_KEY": "x" * 30}
DAYS = {"from": "2026-01-02", "to": "2026-01-08", "sources": "mars"}


@pytest.fixture
def api(make_api: Callable[..., TestClient], shelf: Any) -> TestClient:
    shelf.crawl()
    return make_api(date(2026, 1, 12), **MARS)


@pytest.fixture
def staff(signer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {signer.token()}"}


def sent(api: TestClient, form: Any, headers: dict[str, str], page: str = PAGE) -> dict[str, str]:
    """Return what the page is told."""
    answer = api.post(
        CRAWLS, data={"csrf_token": "ours", "next": page, **form}, headers=headers, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    address = urlsplit(answer.headers["Location"])
    assert (address.scheme, address.netloc, address.path) == ("", "", page)
    return dict(parse_qsl(address.query))


def test_a_form_starts_a_crawl_of_its_days_and_leads_back(api: TestClient, staff: dict[str, str], crawls_: Any) -> None:
    assert sent(api, DAYS, staff) == {"answer": "started"}
    assert crawls_.plans == [Plan(("mars",), Window(date(2026, 1, 2), date(2026, 1, 8)))]


def test_what_is_left_empty_is_not_asked_for(api: TestClient, staff: dict[str, str], crawls_: Any) -> None:
    assert sent(api, {"from": "", "to": " ", "sources": ""}, staff) == {"answer": "started"}
    assert crawls_.plans == [Plan()]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({**DAYS, "to": "2026-01-01"}, "to"),
        ({**DAYS, "to": ""}, "to"),
        ({**DAYS, "from": "soon"}, "from"),
        ({**DAYS, "from": "2025-01-01"}, "to"),
        ({**DAYS, "sources": "ers"}, "sources"),
        ({**DAYS, "sources": "index"}, "sources"),
    ],
)
def test_what_is_wrong_goes_back_with_all_that_was_typed(
    *, api: TestClient, staff: dict[str, str], crawls_: Any, form: dict[str, str], field: str
) -> None:
    typed = {name: value for name, value in form.items() if value}
    assert sent(api, form, staff) == {"answer": "invalid", "field": field, **typed}
    assert crawls_.plans == []


def test_one_crawl_at_a_time_and_the_page_hears_of_it(api: TestClient, staff: dict[str, str], crawls_: Any) -> None:
    crawls_.busy = True
    assert sent(api, DAYS, staff) == {"answer": "crawl-running", **DAYS}


def test_who_is_not_staff_starts_nothing(api: TestClient, signer: Any, crawls_: Any) -> None:
    buyer = {"Authorization": f"Bearer {signer.token(role='buyer')}"}
    assert sent(api, DAYS, buyer)["answer"] == "forbidden"
    assert sent(api, DAYS, {})["answer"] == "unauthenticated"
    assert crawls_.plans == []


def test_a_cookie_of_another_sites_form_starts_nothing(api: TestClient, signer: Any, crawls_: Any) -> None:
    cookie = {"Cookie": f"mercadito_id={signer.token(aud='web')}"}
    assert sent(api, DAYS, {**cookie, "Sec-Fetch-Site": "cross-site"})["answer"] == "forbidden"
    assert sent(api, DAYS, cookie)["answer"] == "forbidden"
    assert crawls_.plans == []
    assert sent(api, DAYS, {**cookie, "Sec-Fetch-Site": "same-origin"}) == {"answer": "started"}


@pytest.mark.parametrize(
    "wanted",
    [
        *("", "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a?b", "/a#b"),
        *("/a\nSet-Cookie: x", "/%0d%0a", "/" + "a" * 200, "/página"),
    ],
)
def test_a_form_leads_nowhere_else(wanted: str) -> None:
    assert local_path(wanted) == "/"


def test_what_is_no_form_or_too_much_of_one_is_refused(api: TestClient, staff: dict[str, str], crawls_: Any) -> None:
    headers = {**staff, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    for body in (b"\xff=1", b"&".join(b"a=1" for _ in range(MAX_FIELDS + 1)), b"a"):
        assert api.post(CRAWLS, content=body, headers=headers).status_code == 422, body
    assert api.post(CRAWLS, content=b"a=" + b"x" * 10_000, headers=headers).status_code == 413
    assert crawls_.plans == []

"""The API over a real database, in this process."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.envelope import new_event
from mercadito_events.inbox import Permanent
from mercadito_events.service.identity import KeySet
from sqlalchemy import create_engine
from usda_ingest.api.app import create_app
from usda_ingest.api.signed_in import remember_sign_out

NO_TABLE = "an HTML page without a table of prices: it says nothing"


def test_reports_show_an_account_that_adds_up(
    all_items: Any, api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(
        good=mars({}, {}, {"origin": "Peru"}, {"low_price": "x"}, {"_section": "Report Header"}),
        other="city,code\nLos Angeles,HC\n",
        error=b"<html>",
    )
    reports = {item["file"]: item for item in all_items("/api/v1/prices/reports?limit=2")}
    good = reports["good.csv"]
    names = ("rows_read", "new", "changed", "unchanged", "exact_doubles", "quarantined", "header_rows")
    assert [good[name] for name in names] == [4, 2, 0, 0, 1, 1, 1]
    assert sum(good[name] for name in names[1:6]) == good["rows_read"]
    assert (good["state"], good["report_id"], good["first_date"]) == ("stored", "2306", "2026-01-08")
    assert reports["other.csv"]["state"] == "not a price report"
    assert (reports["error.csv"]["state"], reports["error.csv"]["reason"]) == ("refused", NO_TABLE)
    (bad,) = all_items(f"/api/v1/prices/reports/{good['file_id']}/quarantine")
    assert (bad["file"], bad["line"], bad["reason"]) == ("good.csv", 5, "low price is not a price: 'x'")


def test_crawls_are_listed_newest_first_with_their_problems(
    all_items: Any, api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}))
    newest = shelf.crawl(a=mars({}), b=b"<html>")
    items = all_items("/api/v1/prices/crawls?limit=1")
    assert [item["state"] for item in items] == ["finished", "finished"]
    assert items[0]["crawl_id"] == str(newest)
    assert [items[0][name] for name in ("files", "files_unchanged", "files_refused", "unchanged")] == [2, 1, 1, 1]
    assert [problem["reason"] for problem in items[0]["problems"]] == [NO_TABLE]
    assert api.get(f"/api/v1/prices/crawls/{newest}").json() == items[0]


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/api/v1/prices?limit=0", 422, "invalid"),
        ("/api/v1/prices?limit=1001", 422, "invalid"),
        ("/api/v1/prices?limit=abc", 422, "invalid"),
        ("/api/v1/prices?from=yesterday", 422, "invalid"),
        ("/api/v1/prices?series_id=1", 422, "invalid"),
        ("/api/v1/prices?after=nonsense", 422, "invalid"),
        ("/api/v1/prices?after=WyIyMDI2LTAxLTA4IiwiLTEiXQ", 422, "invalid"),
        ("/api/v1/prices/commodities?after=W10", 422, "invalid"),
        ("/api/v1/prices?commodity=%00", 422, "invalid"),
        ("/api/v1/prices/commodities?after=WyJcdTAwMDAiXQ", 422, "invalid"),
        ("/api/v1/prices/commodities?after=WyJcdWQ4MDAiXQ", 422, "invalid"),
        ("/api/v1/prices/series/00000000-0000-0000-0000-000000000000", 404, "not-found"),
        ("/api/v1/prices/crawls/00000000-0000-0000-0000-000000000000", 404, "not-found"),
        ("/api/v1/prices/reports/00000000-0000-0000-0000-000000000000/quarantine", 404, "not-found"),
        ("/api/v1/prices/nowhere", 404, "not-found"),
    ],
)
def test_every_refusal_is_a_problem(api: TestClient, path: str, status: int, slug: str) -> None:
    answer = api.get(path, headers={"X-Request-Id": "from-the-gateway"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "from-the-gateway"
    body = answer.json()
    assert body["type"] == f"https://mercadito.example/problems/{slug}"
    assert (body["status"], body["request_id"]) == (status, "from-the-gateway")
    if slug == "invalid":
        assert body["errors"][0]["field"]


def test_a_method_that_is_not_offered_is_a_problem_too(api: TestClient) -> None:
    answer = api.delete("/api/v1/prices")
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (405, "method-not-allowed")


def test_a_database_that_is_away_is_503_with_retry_after(signer: Any, timetable_of: Callable[..., Any]) -> None:
    async def unused(cause: str, plan: Any) -> uuid.UUID:
        raise AssertionError

    async def find_problems() -> list[str]:
        return ["away"]

    engine = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    app = create_app(
        engine,
        KeySet(signer.jwks_file),
        start_crawl=unused,
        timetable=timetable_of(engine),
        find_problems=find_problems,
        market_day=lambda: date(2026, 1, 12),
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/api/v1/prices")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.headers["x-gateway-not-processed"] == "1"
        assert answer.json()["type"].endswith("/unavailable")
        assert "127.0.0.1" not in answer.text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.headers["x-service"]) == (503, "usda")
        assert ready.json() == {"service": "usda", "ready": False, "problems": ["away"]}
        assert client.get("/healthz").text == "ok\n"
        assert "mercadito_usda_answers_total" in client.get("/metrics").text


CRAWLS = "/api/v1/prices/crawls"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_staff_start_a_crawl(api: TestClient, shelf: Any, signer: Any, crawls_: Any) -> None:
    crawl_id = shelf.crawl()
    answer = api.post(CRAWLS, headers=bearer(signer.token(scope="read write")))
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{CRAWLS}/{crawl_id}"
    assert answer.json()["crawl_id"] == str(crawl_id)
    assert crawls_.causes == ["staff"]
    crawls_.busy = True
    again = api.post(CRAWLS, headers=bearer(signer.token(role="admin")))
    assert (again.status_code, again.json()["type"].rsplit("/", 1)[1]) == (409, "crawl-running")


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"role": "buyer"}, 403),
        ({"scope": "read"}, 403),
        ({"aud": "web"}, 401),
        ({"aud": "realtime"}, 401),
        ({"exp": 1}, 401),
        ({"iss": "someone"}, 401),
        (None, 401),
    ],
)
def test_nobody_else_starts_a_crawl(
    *, api: TestClient, shelf: Any, signer: Any, crawls_: Any, claims: dict[str, Any] | None, status: int
) -> None:
    shelf.crawl()
    headers = {} if claims is None else bearer(signer.token(**claims))
    answer = api.post(CRAWLS, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert crawls_.causes == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Origin": "http://testserver"}, 202),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_cookie_counts_only_from_our_own_pages(
    api: TestClient, shelf: Any, signer: Any, headers: dict[str, str], status: int
) -> None:
    shelf.crawl()
    api.cookies.set("mercadito_id", signer.token(aud="web", sid="session-1"))
    assert api.post(CRAWLS, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("covers", "allowed"),
    [
        ({"token_id": "token-1"}, 401),
        ({"token_id": "another"}, 202),
        ({}, 401),
        ({"person_id": "somebody-else"}, 202),
    ],
)
def test_a_signed_out_token_starts_nothing(
    *, api: TestClient, shelf: Any, signer: Any, db: Any, covers: dict[str, str], allowed: int
) -> None:
    shelf.crawl()
    data = {"person_id": "person-1", "session_id": None, "token_id": None, "until": "2099-01-01T00:00:00Z", **covers}
    event = new_event("orders.person.signed_out.v1", data, source="/mercadito/orders")
    with db.engine.begin() as connection:
        remember_sign_out(connection, event)
    assert api.post(CRAWLS, headers=bearer(signer.token())).status_code == allowed


@pytest.mark.parametrize(
    "data",
    [{}, {"person_id": "p"}, {"person_id": 1, "until": "2099-01-01T00:00:00Z"}, {"person_id": "p", "until": "soon"}],
)
def test_a_sign_out_that_makes_no_sense_is_permanent(db: Any, data: dict[str, Any]) -> None:
    event = new_event("orders.person.signed_out.v1", data, source="/mercadito/orders")
    with db.engine.connect() as connection, pytest.raises((Permanent, ValueError)):
        remember_sign_out(connection, event)

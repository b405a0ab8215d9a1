"""The API over a real database, in this process."""

import csv
import gzip
import io
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.envelope import new_event
from mercadito_events.inbox import Permanent
from mercadito_events.service.identity import KeySet
from sqlalchemy import create_engine
from usda_ingest.api.app import create_app
from usda_ingest.api.signed_in import remember_sign_out
from usda_ingest.errors import CrawlBusy

PRICE_FIELDS = [
    *("series_id", "report_id", "market", "commodity", "variety", "package", "size", "organic", "origin", "quality"),
    *("date", "low", "high", "mostly_low", "mostly_high", "single_price", "unit", "weight_lb", "weight_source"),
    "comment",
]


class Crawls:
    """Stands in for the child processes: notes causes, makes the row as the service does."""

    def __init__(self, db: Any) -> None:
        self.db, self.causes, self.busy = db, [], False

    async def start(self, cause: str) -> uuid.UUID:
        if self.busy:
            raise CrawlBusy("busy")
        self.causes.append(cause)
        return uuid.UUID(str(self.db.value("SELECT crawl_id FROM crawls LIMIT 1")))


@pytest.fixture
def crawls_(db: Any) -> Crawls:
    return Crawls(db)


@pytest.fixture
def api(db: Any, signer: Any, crawls_: Crawls) -> Iterator[TestClient]:
    async def find_problems() -> list[str]:
        return []

    app = create_app(db.engine, KeySet(signer.jwks_file), start_crawl=crawls_.start, find_problems=find_problems)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def all_items(api: TestClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        answer = api.get(following)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        following = answer.json()["next"]
    return items


def test_avocados_have_the_prices_of_the_real_file(api: TestClient, shelf: Any, real_files: Path) -> None:
    raw = (real_files / "mars" / "2306_pull-2026-01-09.csv.gz").read_bytes()
    shelf.crawl(fruit=raw)
    rows = csv.DictReader(io.StringIO(gzip.decompress(raw).decode(), newline=""))
    wanted = [row for row in rows if row["_section"] == "Report Details" and row["commodity"] == "Avocados"]
    expected = sorted(
        (
            f"{row['report_date'][6:]}-{row['report_date'][:2]}-{row['report_date'][3:5]}",
            row["item_size"],
            Decimal(row["low_price"]),
            Decimal(row["high_price"] or row["low_price"]),
            not row["high_price"],
        )
        for row in wanted
        if row["low_price"]
    )
    items = all_items(api, "/api/v1/prices?commodity=Avocados&limit=37")
    assert len(items) == len(wanted)
    assert {item["report_id"] for item in items} == {"2306"}
    assert expected == sorted(
        (item["date"], item["size"], Decimal(item["low"]), Decimal(item["high"]), item["single_price"])
        for item in items
        if item["low"] is not None
    )
    assert [item["date"] for item in items] == sorted((item["date"] for item in items), reverse=True)


def test_a_row_has_exactly_the_promised_fields(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"package": "25 lb cartons", "high_price": "", "appearance": "Fair Appearance"}))
    (item,) = api.get("/api/v1/prices").json()["items"]
    assert list(item) == PRICE_FIELDS
    series_id = item.pop("series_id")
    assert uuid.UUID(series_id).version == 5
    assert item == {
        "report_id": "2306",
        "market": "Los Angeles",
        "commodity": "Avocados",
        "variety": "HASS",
        "package": "25 lb cartons",
        "size": "48s",
        "organic": False,
        "origin": "Mexico",
        "quality": "Fair Appearance",
        "date": "2026-01-08",
        "low": "30.00",
        "high": "30.00",
        "mostly_low": None,
        "mostly_high": None,
        "single_price": True,
        "unit": "package",
        "weight_lb": "25.00",
        "weight_source": "stated",
        "comment": "",
    }


def test_filters_ignore_case_and_narrow_together(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        a=mars(
            {"report_date": "01/07/2026"},
            {"report_date": "01/08/2026"},
            {"report_date": "01/08/2026", "variety": "FUERTE"},
            {"commodity": "Limes", "package": "40 lb cartons"},
        )
    )

    def found(query: str) -> int:
        return len(api.get(f"/api/v1/prices?{query}").json()["items"])

    assert found("commodity=AVOCADOS") == found("commodity=avocados") == 3
    assert found("commodity=avocados&variety=hass") == 2
    assert found("commodity=Avocados&variety=Hass&from=2026-01-08&to=2026-01-08") == 1
    assert found("package=40%20LB%20Cartons") == 1
    assert found("commodity=Avocado") == 0
    (lime,) = api.get("/api/v1/prices?commodity=limes").json()["items"]
    assert found(f"series_id={lime['series_id']}") == 1


def test_pages_follow_each_other_without_gap_or_repeat(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars(*({"item_size": f"{size}s"} for size in range(25))))
    items = all_items(api, "/api/v1/prices?limit=10&commodity=Avocados")
    assert len({item["size"] for item in items}) == len(items) == 25
    first = api.get("/api/v1/prices?limit=10&commodity=Avocados").json()
    assert first["next"].startswith("/api/v1/prices?limit=10&commodity=Avocados&after=")
    assert api.get("/api/v1/prices?limit=25").json()["next"] is None


def test_no_quote_is_null_with_its_comment(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"low_price": "", "high_price": "", "reporter_comment": "insufficient to quote"}))
    (item,) = api.get("/api/v1/prices").json()["items"]
    assert [item[name] for name in ("low", "high", "mostly_low", "mostly_high")] == [None] * 4
    assert (item["comment"], item["single_price"]) == ("insufficient to quote", False)


def test_commodities_have_both_names_a_category_and_their_series(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    legacy = (
        "Commodity Name,City Name,Type,Package,Variety,Date,Low Price,High Price,Origin,Item Size\n"
        "AVOCADOS,BOSTON,Organic,cartons 2 layer,HASS,06/22/2021,30,32,MEXICO,48s\n"
        "XYLOBERRIES,BOSTON,,flats,,06/22/2021,30,32,MEXICO,\n"
    )
    shelf.crawl(a=mars({}, {"item_size": "60s"}), b=legacy)
    items = all_items(api, "/api/v1/prices/commodities?limit=1")
    assert items == [
        {"name": "Avocados", "name_es": "Aguacates", "category": "Fruits", "series": 3, "last_date": "2026-01-08"},
        {"name": "XYLOBERRIES", "name_es": "XYLOBERRIES", "category": "", "series": 1, "last_date": "2021-06-22"},
    ]


def test_a_series_has_its_daily_points(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        a=mars(
            {"report_date": "01/07/2026", "mostly_low_price": "31", "mostly_high_price": "31.50"},
            {},
            {"origin": "Peru", "low_price": "29"},
        )
    )
    (item, *_) = api.get("/api/v1/prices").json()["items"]
    answer = api.get(f"/api/v1/prices/series/{item['series_id']}").json()
    assert (answer["commodity"], answer["name_es"], answer["market"]) == ("Avocados", "Aguacates", "Los Angeles")
    assert [(one["date"], one["low"], one["high"], one["reference"]) for one in answer["points"]] == [
        ("2026-01-07", "30.00", "32.00", "31.25"),
        ("2026-01-08", "29.00", "32.00", "30.50"),
    ]


def test_reports_show_an_account_that_adds_up(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        good=mars({}, {}, {"origin": "Peru"}, {"low_price": "x"}, {"_section": "Report Header"}),
        other="city,code\nLos Angeles,HC\n",
        error=b"<html>",
    )
    reports = {item["file"]: item for item in all_items(api, "/api/v1/prices/reports?limit=2")}
    good = reports["good.csv"]
    names = ("rows_read", "new", "changed", "unchanged", "exact_doubles", "quarantined", "header_rows")
    assert [good[name] for name in names] == [4, 2, 0, 0, 1, 1, 1]
    assert sum(good[name] for name in names[1:6]) == good["rows_read"]
    assert (good["state"], good["report_id"], good["first_date"]) == ("stored", "2306", "2026-01-08")
    assert reports["other.csv"]["state"] == "not a price report"
    assert (reports["error.csv"]["state"], reports["error.csv"]["reason"]) == ("refused", "HTML or XML, not CSV")
    (bad,) = all_items(api, f"/api/v1/prices/reports/{good['file_id']}/quarantine")
    assert (bad["file"], bad["line"], bad["reason"]) == ("good.csv", 5, "low price is not a price: 'x'")


def test_crawls_are_listed_newest_first_with_their_problems(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}))
    newest = shelf.crawl(a=mars({}), b=b"<html>")
    items = all_items(api, "/api/v1/prices/crawls?limit=1")
    assert [item["state"] for item in items] == ["finished", "finished"]
    assert items[0]["crawl_id"] == str(newest)
    assert [items[0][name] for name in ("files", "files_unchanged", "files_refused", "unchanged")] == [2, 1, 1, 1]
    assert [problem["reason"] for problem in items[0]["problems"]] == ["HTML or XML, not CSV"]
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


def test_a_database_that_is_away_is_503_with_retry_after(signer: Any) -> None:
    async def unused(cause: str) -> uuid.UUID:
        raise AssertionError

    async def find_problems() -> list[str]:
        return ["away"]

    engine = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    app = create_app(engine, KeySet(signer.jwks_file), start_crawl=unused, find_problems=find_problems)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/api/v1/prices")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["type"].endswith("/unavailable")
        assert "127.0.0.1" not in answer.text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.headers["x-service"]) == (503, "usda")
        assert ready.json() == {"service": "usda", "ready": False, "problems": ["away"]}
        assert client.get("/healthz").text == "ok\n"
        assert "mercadito_usda_answers_total" in client.get("/metrics").text


def test_the_openapi_document_describes_every_route(api: TestClient) -> None:
    document = api.get("/api/v1/prices/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/api/v1/prices",
        "/api/v1/prices/commodities",
        "/api/v1/prices/series/{series_id}",
        "/api/v1/prices/reports",
        "/api/v1/prices/reports/{file_id}/quarantine",
        "/api/v1/prices/crawls",
        "/api/v1/prices/crawls/{crawl_id}",
    }


CRAWLS = "/api/v1/prices/crawls"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_staff_start_a_crawl(api: TestClient, shelf: Any, signer: Any, crawls_: Crawls) -> None:
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
    *, api: TestClient, shelf: Any, signer: Any, crawls_: Crawls, claims: dict[str, Any] | None, status: int
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

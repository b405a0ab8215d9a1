"""That what the API says of itself is whole and true, whatever it is asked."""

import copy
import re
import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.testing.exploring import examples
from sqlalchemy import make_url
from usda_ingest.forecasting.computing import compute

MARKET_DAY = date(2026, 1, 12)
DOCUMENT = "/api/v1/prices/openapi.json"
PROBLEM = "application/problem+json"
JUNK = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers().map(str),
    st.uuids().map(str),
    st.dates().map(str),
    st.sampled_from(
        [
            *("", " ", "\x00", "a\x00b", "x" * 10_000, "ñ" * 400, "'; DROP TABLE quotes; --", "%", "_", "\\", "\u202e"),
            *("0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "1700000000", "2026-01-08T00:00:00", "NaN"),
            *("-1", "0", "1001", "99999999999999999999", "1e3", "true", "null", "[]", "{}", "W10", "bnVsbA", "WyIxIl0"),
            *("lim\u00f3n", "LIMONES hass", "a b c d e f g h i j k", "\U0001f951", "e\u0301", "\ufeff"),
        ]
    ),
)


PATH_JUNK = JUNK.filter(lambda text: text.strip("./") != "")  # else it is another address


class Described:
    """The document, by which answers are judged; what it does not name an answer may not have."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.components = copy.deepcopy(document["components"])
        for schema in self.components["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)

    def judge(self, path: str, method: str, answer: Any) -> None:
        """Fail if the answer is none of those that are described."""
        told = self.document["paths"][path][method]["responses"]
        described = told.get(str(answer.status_code), told["default"])
        for name in described["headers"]:
            if name not in {"Link", "Retry-After"}:
                assert answer.headers.get(name), (name, answer.status_code)
        if answer.status_code == 304:
            assert answer.content == b""
            return
        type_ = answer.headers["content-type"].split(";")[0]
        schema = described["content"][type_]["schema"]
        if type_ == "text/csv":
            return
        checked = {**schema, "components": self.components}
        Draft202012Validator(checked, format_checker=FormatChecker()).validate(answer.json())


@pytest.fixture
def filled(api: TestClient, shelf: Any, mars: Callable[..., str]) -> dict[str, str]:
    """An API with something of everything; returns ids for the addresses."""
    shelf.crawl(
        a=mars({}, {"report_date": "01/07/2026"}, {"commodity": "Limes", "organic": "Y"}, {"low_price": "x"}),
        b=mars({"item_size": "60s", "low_price": "", "high_price": ""}),
        c=b"<html>",
    )
    files = {item["file"]: item["file_id"] for item in api.get("/api/v1/prices/reports").json()["items"]}
    return {
        "series_id": api.get("/api/v1/prices/series").json()["items"][0]["series_id"],
        "file_id": files["a.csv"],
        "crawl_id": api.get("/api/v1/prices/crawls").json()["items"][0]["crawl_id"],
    }


def test_every_route_parameter_answer_and_header_is_described(api: TestClient) -> None:
    document = api.get(DOCUMENT).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/api/v1/prices",
        "/api/v1/prices.csv",
        "/api/v1/prices/commodities",
        "/api/v1/prices/series",
        "/api/v1/prices/series/{series_id}",
        "/api/v1/prices/series/{series_id}/markets",
        "/api/v1/prices/reports",
        "/api/v1/prices/reports/{file_id}/quarantine",
        "/api/v1/prices/crawls",
        "/api/v1/prices/crawls/{crawl_id}",
        "/api/v1/prices/schedule",
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["description"], where
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description") or parameter["in"] == "path", (where, parameter["name"])
            assert {"503", "default"} < set(operation["responses"]), where
            assert ("304" in operation["responses"]) is (method == "get"), where
            for status, told in operation["responses"].items():
                assert "X-Request-Id" in told["headers"], where
                if status == "default" or status >= "400":
                    assert list(told["content"]) == [PROBLEM], where


def test_every_schema_is_one_and_every_reference_leads_somewhere(api: TestClient) -> None:
    answer = api.get(DOCUMENT)
    document = answer.json()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for group, name in re.findall(r'"#/components/(\w+)/(\w+)"', answer.text):
        assert name in document["components"][group]


def test_every_example_is_a_true_one(api: TestClient) -> None:
    document = api.get(DOCUMENT).json()
    described = Described(document)
    names = [name for name, schema in document["components"]["schemas"].items() if "examples" in schema]
    assert {"Price", "CommodityItem", "SeriesItem", "Series", "MarketSeries", "ProblemBody"} <= set(names)
    for name in names:
        checked = {"$ref": f"#/components/schemas/{name}", "components": described.components}
        for example in document["components"]["schemas"][name]["examples"]:
            Draft202012Validator(checked, format_checker=FormatChecker()).validate(example)


def test_real_answers_are_as_described(api: TestClient, filled: dict[str, str]) -> None:
    described = Described(api.get(DOCUMENT).json())
    unknown = dict.fromkeys(filled, "00000000-0000-0000-0000-000000000000")
    for path, methods in described.document["paths"].items():
        if "get" not in methods:
            continue
        whole = api.get(path.format(**filled))
        assert whole.status_code == 200, path
        described.judge(path, "get", whole)
        described.judge(path, "get", api.get(path.format(**filled), headers={"If-None-Match": whole.headers["etag"]}))
        described.judge(path, "get", api.get(path.format(**unknown)))
    described.judge("/api/v1/prices/crawls", "post", api.post("/api/v1/prices/crawls"))


def test_a_series_with_trend_and_forecast_is_as_described(
    api: TestClient, shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    days = [MARKET_DAY - timedelta(days=back) for back in range(84)]
    rows = [(day, 30 + index % 3) for index, day in enumerate(days) if day.isoweekday() < 6]
    shelf.crawl(
        a=mars(*({"report_date": f"{day:%m/%d/%Y}", "low_price": f"{low}", "high_price": "34"} for day, low in rows))
    )
    path = "/api/v1/prices/series/{series_id}"
    series_id = api.get("/api/v1/prices/series").json()["items"][0]["series_id"]
    before = api.get(path.format(series_id=series_id))
    compute(DatabaseSettings(make_url(db.urls.app_url)), MARKET_DAY, threading.Event())
    answer = api.get(path.format(series_id=series_id), headers={"If-None-Match": before.headers["etag"]})
    assert answer.json()["trend"]["points"]
    assert answer.json()["forecast"]["points"]
    Described(api.get(DOCUMENT).json()).judge(path, "get", answer)


def test_whatever_is_asked_is_answered_as_described(api: TestClient, filled: dict[str, str]) -> None:
    described = Described(api.get(DOCUMENT).json())
    paths = sorted(path for path, methods in described.document["paths"].items() if "get" in methods)
    asked: list[int] = []

    @given(st.data())
    @settings(max_examples=examples(80, exploring=3_000), deadline=None, suppress_health_check=list(HealthCheck))
    def ask(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(paths))
        parameters = described.document["paths"][path]["get"].get("parameters", [])
        names = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
        chosen = data.draw(st.lists(st.sampled_from([*names, "unknown"]), max_size=3))
        query = [(name, data.draw(JUNK)) for name in chosen]
        ids = {
            name: data.draw(st.one_of(st.just(real), st.uuids().map(str), PATH_JUNK)) for name, real in filled.items()
        }
        address = path.format(**{name: quote(value, safe="") for name, value in ids.items()})
        answer = api.get(address, params=query)
        asked.append(answer.status_code)
        assert answer.status_code < 500, answer.text
        described.judge(path, "get", answer)

    ask()
    assert {200, 422} <= set(asked)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?commodity=%00", "commodity"),
        (f"?commodity={'x' * 10_000}", "commodity"),
        ("?series_id=1", "series_id"),
        ("?from=2026-01-09&to=2026-01-08", "from"),
        ("?from=1700000000", "from"),
        ("?to=2026-01-08T00:00:00", "to"),
        ("?to=2026-13-01", "to"),
        ("?limit=1e3", "limit"),
        ("/series?organic=perhaps", "organic"),
        (f"/series?q={'x' * 101}", "q"),
        ("/series?after=bnVsbA", "after"),
        ("/series/1", "series_id"),
        (".csv?from=2026-01-09&to=2026-01-08", "from"),
        (".csv?after=nonsense", "after"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(api: TestClient, query: str, field: str) -> None:
    answer = api.get(f"/api/v1/prices{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert error["message"]


def test_a_cursor_of_another_list_is_refused(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}, {"commodity": "Limes"}), b=mars({"item_size": "60s"}))
    shelf.crawl()
    lists = ["/api/v1/prices", *(f"/api/v1/prices/{name}" for name in ("commodities", "series", "reports", "crawls"))]
    for one in lists:
        following = api.get(f"{one}?limit=1").json()["next"]
        cursor = following.split("after=")[1]
        for other in lists:
            status = api.get(f"{other}?after={cursor}").status_code
            assert status == (200 if other == one else 422), (one, other)


def test_days_at_the_ends_of_time_find_nothing(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}))
    assert api.get("/api/v1/prices?from=9999-12-31").json()["items"] == []
    assert api.get("/api/v1/prices?to=0001-01-01").json()["items"] == []
    assert len(api.get("/api/v1/prices?from=0001-01-01&to=9999-12-31").json()["items"]) == 1

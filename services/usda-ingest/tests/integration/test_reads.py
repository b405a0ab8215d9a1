"""ETags, 304, HEAD, what may be kept, and that nothing kept outlives what it was made from."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

SERIES = "/api/v1/prices/series"
MakeApi = Callable[..., TestClient]


def reads(api: TestClient) -> list[str]:
    """Return an address of every read there is."""
    series_id = api.get(SERIES).json()["items"][0]["series_id"]
    file_id = api.get("/api/v1/prices/reports").json()["items"][0]["file_id"]
    crawl_id = api.get("/api/v1/prices/crawls").json()["items"][0]["crawl_id"]
    values = {"series_id": series_id, "file_id": file_id, "crawl_id": crawl_id}
    paths = api.get("/api/v1/prices/openapi.json").json()["paths"]
    clock = {"/api/v1/prices/schedule"}  # tells when something is due next, so it changes by itself
    return [path.format(**values) for path, methods in paths.items() if "get" in methods and path not in clock]


def test_every_read_has_a_strong_etag_by_which_it_is_not_sent_twice(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}, {"low_price": "x"}))
    paths = reads(api)
    assert len(paths) >= 9
    for path in paths:
        first = api.get(path)
        assert first.status_code == 200, path
        assert first.headers["etag"].startswith('"'), path
        again = api.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        for name in ("etag", "cache-control"):
            assert again.headers[name] == first.headers[name]
        assert "content-type" not in again.headers
        assert again.headers["x-request-id"]


def test_head_answers_as_get_without_the_body(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}, {"low_price": "x"}))
    for path in reads(api):
        whole, head = api.get(path), api.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("etag", "cache-control", "content-type"):
            assert head.headers[name] == whole.headers[name], path
        assert head.headers.get("content-length") == whole.headers.get("content-length"), path
        assert api.head(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert api.head("/api/v1/prices/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"other", W/{} , "more"', 304),
        ('"other"', 200),
        ("", 200),
        ("nonsense", 200),
        ('"unclosed', 200),
        (", " * 2_000 + "{}", 304),
        ("*", 304),
        ("**", 200),
    ],
)
def test_if_none_match_is_read_as_http_says(api: TestClient, header: str, status: int) -> None:
    current = api.get(SERIES).headers["etag"]
    assert api.get(SERIES, headers={"If-None-Match": header.format(current)}).status_code == status


@pytest.mark.parametrize("path", [f"{SERIES}?limit=2", "/api/v1/prices.csv", "/api/v1/prices/crawls"])
def test_any_answer_will_do_for_who_asks_with_a_star_but_none_is_no_answer(api: TestClient, path: str) -> None:
    any_ = {"If-None-Match": "*"}
    assert api.get(path, headers=any_).status_code == 304
    assert api.get(f"{SERIES}/{uuid.uuid4()}", headers=any_).status_code == 404


def test_reads_may_be_kept_for_a_moment_and_refusals_not_at_all(api: TestClient) -> None:
    shown = api.get(SERIES)
    assert shown.headers["cache-control"] == "public, max-age=1"
    assert "vary" not in shown.headers  # the same for everyone, in whatever language and with whatever cookie
    assert api.get(f"{SERIES}?limit=0").headers["cache-control"] == "no-store"
    assert api.post("/api/v1/prices/crawls").headers["cache-control"] == "no-store"


def test_two_processes_answer_the_same_and_see_what_was_just_stored(
    make_api: MakeApi, shelf: Any, mars: Callable[..., str]
) -> None:
    one, other = make_api(), make_api()
    shelf.crawl(a=mars({}))
    path = f"{SERIES}/{one.get(SERIES).json()['items'][0]['series_id']}"
    before = one.get(path)
    assert (before.headers["etag"], before.content) == (other.get(path).headers["etag"], other.get(path).content)
    shelf.crawl(a=mars({"low_price": "20"}))
    for api in (one, other):
        after = api.get(path, headers={"If-None-Match": before.headers["etag"]})
        assert (after.status_code, after.json()["points"][-1]["low"]) == (200, "20.00")
        assert api.get(SERIES).json()["items"][0]["low"] == "20.00"
        assert api.get(f"{path}/markets").json()["items"][0]["low"] == "20.00"
        assert api.get("/api/v1/prices").json()["items"][0]["low"] == "20.00"


def test_a_correction_that_takes_a_quote_back_is_seen(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"report_date": "01/07/2026"}, {}))
    path = f"{SERIES}/{api.get(SERIES).json()['items'][0]['series_id']}"
    assert api.get(path).json()["last_date"] == "2026-01-08"
    shelf.crawl(a=mars({"low_price": "", "high_price": "", "reporter_comment": "withdrawn"}))
    assert api.get(path).json()["last_date"] == "2026-01-07"


def test_what_has_not_changed_is_answered_from_memory(
    api: TestClient, shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}))
    path = f"{SERIES}/{api.get(SERIES).json()['items'][0]['series_id']}"
    kept = api.get(path)
    with db.engine.begin() as connection:  # by hand, which nobody is told of
        connection.execute(text("UPDATE day_quotes SET low = 1"))
    assert api.get(path).content == kept.content
    shelf.crawl(b=mars({"item_size": "60s"}))
    assert api.get(path).json()["points"][0]["low"] == "1.00"


def test_a_new_forecast_is_shown_at_once(api: TestClient, shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}))
    series_id = api.get(SERIES).json()["items"][0]["series_id"]
    before = api.get(f"{SERIES}/{series_id}")
    assert before.json()["no_forecast"] is None
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO forecasts (series_id, as_of, last_on, computed_at, model_version, quotes, status)"
                " VALUES (CAST(:id AS uuid), '2026-01-08', '2026-01-08', now(), 1, 1, 'too few quotes')"
            ),
            {"id": series_id},
        )
    after = api.get(f"{SERIES}/{series_id}", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["no_forecast"]) == (200, "too few quotes")


def test_on_the_next_market_day_a_quote_is_a_day_older(make_api: MakeApi, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}))
    monday, tuesday = make_api(date(2026, 1, 12)), make_api(date(2026, 1, 13))
    path = f"{SERIES}/{monday.get(SERIES).json()['items'][0]['series_id']}"
    told = monday.get(path)
    later = tuesday.get(path, headers={"If-None-Match": told.headers["etag"]})
    assert (told.json()["age_business_days"], later.json()["age_business_days"]) == (2, 3)


def test_another_question_is_never_answered_by_what_was_kept(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}, {"commodity": "Limes"}))
    etags = {api.get(f"{SERIES}?{query}").headers["etag"] for query in ("", "q=lim", "q=avo", "limit=1", "limit=10")}
    assert len(etags) == 5
    missing = f"{SERIES}/{uuid.uuid4()}"
    assert [api.get(missing).status_code for _ in range(2)] == [404, 404]


def test_what_breaks_is_a_problem_with_the_id_of_the_request(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usda_ingest.api.search.matching", lambda *_: 1 / 0)
    answer = api.get(f"{SERIES}?q=x", headers={"X-Request-Id": "seen"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "seen")
    assert (answer.json()["type"].rsplit("/")[-1], answer.json()["request_id"]) == ("internal", "seen")
    assert answer.headers["cache-control"] == "no-store"


def test_a_path_with_a_slash_too_many_is_no_redirect(api: TestClient) -> None:
    """It would repeat the query, whose length is the client's to choose, in an answer's head."""
    answer = api.get("/api/v1/prices/?x=" + "y" * 5_000, follow_redirects=False)
    assert answer.status_code == 404
    assert "Location" not in answer.headers

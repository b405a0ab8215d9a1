"""What the API says of crawls and of the schedule, and how staff start one."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from usda_ingest.crawling.plan import Plan
from usda_ingest.sources.window import Window
from usda_ingest.storing import crawl_sources, crawls
from usda_ingest.storing.crawl_sources import Counts

CRAWLS, SCHEDULE = "/api/v1/prices/crawls", "/api/v1/prices/schedule"
MARS = {"USDA_MARS_URL": "http://mars.test", "USDA_MARS_REPORTS": "2306,2309", "USDA_MARS_KEY": "x" * 30}


@pytest.fixture
def api(make_api: Callable[..., TestClient]) -> TestClient:
    return make_api(date(2026, 1, 12), **MARS)


@pytest.fixture
def staff(signer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {signer.token()}"}


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith("/invalid")
    return {one["field"]: one["message"] for one in answer.json()["errors"]}


def test_a_crawl_shows_how_far_it_is_and_what_each_source_brought(api: TestClient, db: Any) -> None:
    crawl_id = uuid.uuid4()
    with db.engine.begin() as connection:
        window = Window(date(2026, 1, 1), date(2026, 1, 8))
        crawls.begin(connection, crawl_id, source="index, mars", cause="staff", window=window)
        crawl_sources.expect(connection, crawl_id, ["index", "mars"])
        counts = Counts(planned=8, done=3, files=2, rows=40, problems=1, requests=5, retries=2, bytes=3_000_000_000)
        crawl_sources.add(connection, crawl_id, "mars", counts)
        crawl_sources.start(connection, crawl_id, "mars")
    shown = api.get(f"{CRAWLS}/{crawl_id}").json()
    assert (shown["state"], shown["window"]) == ("running", {"from": "2026-01-01", "to": "2026-01-08"})
    assert shown["progress"] == {"done": 3, "total": 8}
    assert (shown["requests"], shown["retries"], shown["bytes"]) == (5, 2, 3_000_000_000)
    waiting, running = shown["sources"]
    assert (waiting["source"], waiting["state"], waiting["started_at"]) == ("index", "waiting", None)
    assert {name: running[name] for name in ("source", "state", "planned", "done", "files", "rows", "problems")} == {
        "source": "mars", "state": "running", "planned": 8, "done": 3, "files": 2, "rows": 40, "problems": 1
    }  # fmt: skip
    assert api.get(SCHEDULE).json()["is_running"] is False  # the row alone is no process


def test_before_anything_is_known_the_total_is_null(api: TestClient, shelf: Any) -> None:
    crawl_id = shelf.crawl()
    shown = api.get(f"{CRAWLS}/{crawl_id}").json()
    assert (shown["progress"], shown["window"], shown["sources"]) == ({"done": 0, "total": None}, None, [])


def test_the_schedule_says_what_is_awaited_and_how_late_it_is(
    api: TestClient, shelf: Any, mars: Callable[..., str], db: Any
) -> None:
    shelf.crawl(a=mars({"report_date": "01/09/2026"}, {"slug_id": "2309", "report_date": "01/07/2026"}))
    shown = api.get(SCHEDULE).json()
    assert (shown["today"], shown["is_report_day"], shown["holiday"]) == ("2026-01-12", True, None)
    assert shown["holiday_es"] is None
    assert (shown["expected_on"], shown["latest_on"], shown["business_days_late"]) == ("2026-01-12", "2026-01-07", 3)
    assert shown["awaited"] == ["2306", "2309"]
    late = {one["report_id"]: (one["latest_on"], one["business_days_late"]) for one in shown["reports"]}
    assert late == {"2306": ("2026-01-09", 1), "2309": ("2026-01-07", 3)}
    assert {one["name"]: one["can_backfill"] for one in shown["sources"]} == {"index": False, "mars": True}
    assert shown["is_on"] is True
    assert shown["next_due_at"] is not None
    with crawls.single_flight(db.engine):
        running = api.get(SCHEDULE).json()
    assert (running["is_running"], running["next_due_at"]) == (True, None)


def test_a_holiday_is_named_and_without_awaited_reports_the_newest_of_all_counts(
    make_api: Callable[..., TestClient], shelf: Any, mars: Callable[..., str]
) -> None:
    api = make_api(date(2026, 1, 19), USDA_SCHEDULE="off")
    shelf.crawl(a=mars({"report_date": "01/15/2026"}))
    shown = api.get(SCHEDULE).json()
    assert (shown["is_report_day"], shown["holiday"]) == (False, "Martin Luther King Jr. Day")
    assert shown["holiday_es"] == "Día de Martin Luther King Jr."
    assert (shown["expected_on"], shown["latest_on"], shown["business_days_late"]) == ("2026-01-16", "2026-01-15", 1)
    assert (shown["is_on"], shown["next_due_at"], shown["reports"], shown["awaited"]) == (False, None, [], [])


@pytest.mark.parametrize(
    ("body", "plan"),
    [
        (None, Plan()),
        ({}, Plan()),
        ({"sources": ["index"]}, Plan(("index",))),
        ({"sources": ["mars", "mars"]}, Plan(("mars",))),
        ({"from": "2026-01-02", "to": "2026-01-08"}, Plan(("mars",), Window(date(2026, 1, 2), date(2026, 1, 8)))),
    ],
)
def test_staff_say_which_sources_and_days(
    *, api: TestClient, shelf: Any, staff: dict[str, str], crawls_: Any, body: dict[str, Any] | None, plan: Plan
) -> None:
    shelf.crawl()
    answer = api.post(CRAWLS, json=body, headers=staff) if body is not None else api.post(CRAWLS, headers=staff)
    assert answer.status_code == 202, answer.text
    assert crawls_.plans == [plan]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"sources": ["ers"]}, "sources", "no such source: ers; configured: index, mars"),
        ({"sources": "mars"}, "sources", "Input should be a valid array"),
        ({"from": "2026-01-02"}, "to", "from and to belong together"),
        ({"to": "2026-01-02"}, "from", "from and to belong together"),
        ({"from": "2026-01-08", "to": "2026-01-02"}, "to", "is before from"),
        ({"from": "2099-01-08", "to": "2099-01-09"}, "from", "is after today"),
        ({"from": "2025-01-01", "to": "2025-12-31"}, "to", "use usda-ingest backfill"),
        ({"from": "0001-01-01", "to": "0001-01-31"}, "from", "days must be from 1990-01-01"),
        ({"from": "soon", "to": "2025-12-31"}, "from", "Input should be a valid date"),
        (
            {"sources": ["index"], "from": "2026-01-02", "to": "2026-01-08"},
            "sources",
            "cannot be asked for days: index",
        ),
        ({"until": "2026-01-02"}, "until", "Extra inputs are not permitted"),
        ([1], "body", "Input should be an object"),
    ],
)
def test_a_wrong_wish_is_refused_with_the_field_and_what_to_do(
    *, api: TestClient, staff: dict[str, str], crawls_: Any, body: Any, field: str, message: str
) -> None:
    found = errors(api.post(CRAWLS, json=body, headers=staff))
    assert message in found[field]
    assert crawls_.plans == []


def test_bodies_that_are_no_json_or_too_large_are_refused(api: TestClient, staff: dict[str, str]) -> None:
    assert "JSON" in errors(api.post(CRAWLS, content=b"{", headers=staff))["body"]
    assert "JSON" in errors(api.post(CRAWLS, content=b"\xff\x00", headers=staff))["body"]
    assert api.post(CRAWLS, content=b"x" * 10_001, headers=staff).status_code == 413


def test_who_may_not_start_one_learns_nothing_of_the_body(api: TestClient) -> None:
    assert api.post(CRAWLS, json={"sources": ["ers"]}).status_code == 401


def test_days_need_a_source_that_can_be_asked_for_them(
    make_api: Callable[..., TestClient], staff: dict[str, str]
) -> None:
    answer = make_api().post(CRAWLS, json={"from": "2026-01-02", "to": "2026-01-08"}, headers=staff)
    assert errors(answer) == {"sources": "no configured source can be asked for days"}

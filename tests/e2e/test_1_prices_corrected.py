"""A report from its file to what people read: prices, suggestion, trend, news; then corrected, then withdrawn."""

import threading
import time
import uuid
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.price_files import Row, crawled, ended, market_days, newest_crawl, report, served, start_crawl
from tests.driver.screen import Screen
from tests.driver.system import System

NEWS_WITHIN_S = 15
FOLLOWS_WITHIN_S = 30
# A forecast run begins seconds after a crawl, and first computes what the crawl before it left due.
FORECAST_WITHIN_S = 180
SMALL_FILES = 80
ROWS_EACH = 5
AFTERWARDS_S = 2
READERS = 4


@pytest.fixture
def folder(system: System) -> Path:
    """The folder that is served; made-up files are added to the recorded ones."""
    if system.served is None:
        pytest.skip("../shared/data/usda is not beside this checkout")
    return system.served


def course(commodity: str, days: list[date], **changed: str) -> list[Row]:
    """Return a row for each day, low and high two dollars apart; the last day's may be changed."""
    rows = [Row(commodity, day, f"{20 + n % 3}.00", f"{22 + n % 3}.00") for n, day in enumerate(days)]
    last = {"low": "30.00", "high": "32.00", **changed}
    return [*rows[:-1], Row(commodity, days[-1], **last)]


def series_of(staff: Client, commodity: str) -> str:
    found = staff.get(f"/api/v1/prices?commodity={commodity}&limit=1")["items"]
    return str(found[0]["series_id"])


def product_for(staff: Client, series: str, name: str) -> str:
    body = {"name": name, "name_es": name, "category": "fruit", "pack": "cartons", "series_id": series, "markup": "0.1"}
    made = staff.http.post("/api/v1/products", json=body)
    assert made.status_code == 201, made.text
    return str(made.headers["Location"])


def last_point(staff: Client, series: str) -> dict[str, Any]:
    point: dict[str, Any] = staff.get(f"/api/v1/prices/series/{series}")["points"][-1]
    return point


def suggests(staff: Client, product: str, cents: int) -> dict[str, Any]:
    """Wait until the product's suggested price is this; return the suggestion."""

    def followed() -> dict[str, Any] | None:
        suggestion: dict[str, Any] = staff.get(f"{product}/suggestion")
        return suggestion if suggestion["price_cents"] == cents else None

    found = eventually(followed, within_s=FOLLOWS_WITHIN_S, what=f"{cents} is suggested")
    assert found is not None
    return found


def test_a_report_its_correction_and_its_withdrawal_reach_everybody(
    system: System, staff: Client, all_buyers: list[Client], folder: Path
) -> None:
    commodity = f"Pitahaya{uuid.uuid4().hex[:8]}"
    days = market_days(30)
    today, before = days[-1].isoformat(), days[-2].isoformat()
    with Screen(system.url, all_buyers[0], "prices") as screen:
        with served(folder, pitahaya=report(course(commodity, days))):
            assert crawled(staff)["new"] == len(days)
        series = series_of(staff, commodity)
        screen.sees("price", within_s=NEWS_WITHIN_S, series_id=series, date=today, low="30.00", reference="31.00")
        product = product_for(staff, series, commodity)
        told = suggests(staff, product, 3410)
        assert (told["quote"]["date"], told["quote"]["market"]) == (today, "Los Angeles")
        assert last_point(staff, series)["reference"] == "31.00"

        with served(folder, pitahaya=report(course(commodity, days, low="40.00", high="42.00"))):
            crawl = crawled(staff)
        assert (crawl["new"], crawl["changed"]) == (0, 1)
        screen.sees("price", within_s=NEWS_WITHIN_S, series_id=series, date=today, low="40.00", reference="41.00")
        suggests(staff, product, 4510)
        assert last_point(staff, series)["reference"] == "41.00"

        nothing = course(commodity, days, low="", high="", comment="offerings insufficient to quote")
        with served(folder, pitahaya=report(nothing)):
            assert crawled(staff)["changed"] == 1
        screen.sees("price", within_s=NEWS_WITHIN_S, series_id=series, date=today, reference=None)
        point = last_point(staff, series)
        assert point["date"] == before
        fell_back = suggests(staff, product, int(Decimal(point["reference"]) * 110))
        assert fell_back["quote"]["date"] == before


def test_a_forecast_follows_the_report_and_reaches_the_product(staff: Client, folder: Path) -> None:
    commodity = f"Rambutan{uuid.uuid4().hex[:8]}"
    days = market_days(40)
    with served(folder, rambutan=report(course(commodity, days))):
        crawled(staff)
    series = series_of(staff, commodity)
    product = product_for(staff, series, commodity)

    def forecast() -> dict[str, Any] | None:
        told: dict[str, Any] = staff.get(f"/api/v1/prices/series/{series}")
        return told if told["forecast"] else None

    told = eventually(forecast, within_s=FORECAST_WITHIN_S, what="a forecast of the series")
    assert told is not None
    assert told["forecast"]["as_of"] == days[-1].isoformat()
    assert all(Decimal(p["low"]) <= Decimal(p["value"]) <= Decimal(p["high"]) for p in told["forecast"]["points"])
    band = eventually(
        lambda: staff.get(f"{product}/suggestion")["band"], within_s=FORECAST_WITHIN_S, what="the product's band"
    )
    assert band


def test_a_crawl_killed_in_the_middle_loses_and_doubles_nothing(system: System, staff: Client, folder: Path) -> None:
    commodity = f"Longan{uuid.uuid4().hex[:8]}"
    days = market_days(ROWS_EACH)
    texts = {
        f"longan-{n:03}": report([Row(commodity, day, "10.00", "12.00", size=f"{n}s") for day in days])
        for n in range(SMALL_FILES)
    }
    with Screen(system.url, staff, "crawls") as screen, served(folder, **texts):
        first = start_crawl(staff)

        def halfway() -> bool:
            crawl = newest_crawl(staff)
            assert crawl["crawl_id"] == first
            assert crawl["finished_at"] is None, "the crawl was over before it could be killed"
            return bool(5 <= crawl["files"] < SMALL_FILES)

        eventually(halfway, within_s=FOLLOWS_WITHIN_S, what="the crawl is half way")
        progress = screen.sees("crawl", within_s=NEWS_WITHIN_S, crawl_id=first, state="running")
        killed = system.kill("usda")
        system.came_back("usda", instead_of=killed)
        crawled(staff)
        over = ended(staff, first)
        screen.sees("crawl", within_s=NEWS_WITHIN_S, crawl_id=first, state="failed")
        reports = [
            report
            for report in staff.get("/api/v1/prices/reports?limit=1000")["items"]
            if report["file"].startswith("longan-")
        ]
    assert progress["d"]["files_total"] > 0
    assert over["state"] == "failed"
    assert over["reason"]
    assert len(reports) == SMALL_FILES
    assert all((each["state"], each["new"]) == ("stored", ROWS_EACH) for each in reports)
    rows = staff.get(f"/api/v1/prices?commodity={commodity}&limit=1000")["items"]
    assert len(rows) == len({(row["size"], row["date"]) for row in rows}) == SMALL_FILES * ROWS_EACH


def test_prices_are_read_without_a_failure_while_usda_restarts(system: System, staff: Client) -> None:
    answers: Counter[str] = Counter()
    over = threading.Event()
    paths = ("/api/v1/prices?limit=5", "/api/v1/prices/commodities?limit=5", "/api/v1/prices/crawls?limit=1")

    def read(path: str) -> None:
        # A connection for each: who keeps one open must be ready to find it closed.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=staff.http.base_url, timeout=40, limits=limits) as http:
            while not over.wait(0.02):
                try:
                    answers[str(http.get(path).status_code)] += 1
                except httpx.HTTPError as broken:
                    answers[type(broken).__name__] += 1

    threads = [threading.Thread(target=read, args=(paths[n % len(paths)],)) for n in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: answers["200"] >= READERS, within_s=20, what="readers")
        before = system.pids()["usda"]
        system.make("restart", "S=usda")
        assert system.pids()["usda"] != before
        until = time.monotonic() + AFTERWARDS_S
        eventually(lambda: time.monotonic() > until, within_s=AFTERWARDS_S + 1, what="a while")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert set(answers) == {"200"}, answers

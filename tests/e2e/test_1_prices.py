"""Prices come in: from the market's files to the public price API."""

import csv
import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.system import System

NO_FILES = "../shared/data/usda is not beside this checkout"


def pages(client: Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        page = client.get(following)
        items += page["items"]
        following = page["next"]
    return items


def avocados_of(folder: Path) -> list[dict[str, str]]:
    with gzip.open(next(folder.glob("2306*.csv.gz")), "rt", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["_section"] == "Report Details" and row["commodity"] == "Avocados"]


def test_every_file_accounts_for_each_of_its_rows(staff: Client) -> None:
    reports = pages(staff, "/api/v1/prices/reports?limit=1000")
    assert reports
    outcomes = ("new", "changed", "unchanged", "exact_doubles", "quarantined")
    read = [report for report in reports if report["rows_read"]]
    assert read
    for report in read:
        assert sum(report[outcome] for outcome in outcomes) == report["rows_read"], report


def test_the_files_rows_are_those_of_the_manifest(staff: Client, usda_files: Path | None) -> None:
    if usda_files is None:
        pytest.skip(NO_FILES)
    rows = {report["file"][:4]: report["rows_read"] for report in pages(staff, "/api/v1/prices/reports?limit=1000")}
    assert {name: rows[name] for name in ("2306", "2307", "2308", "2309")} == {
        "2306": 3_627,
        "2307": 5_062,
        "2308": 1_062,
        "2309": 72,
    }


def test_a_table_without_prices_is_listed_as_no_price_report(staff: Client, usda_files: Path | None) -> None:
    if usda_files is None:
        pytest.skip(NO_FILES)
    reports = pages(staff, "/api/v1/prices/reports?limit=1000")
    slugs = next(report for report in reports if "terminal_report_slugs" in report["file"])
    assert "not a price report" in str(slugs)


def test_avocados_are_those_of_the_file(staff: Client, usda_files: Path | None) -> None:
    if usda_files is None:
        pytest.skip(NO_FILES)
    shown = [row for row in pages(staff, "/api/v1/prices?commodity=Avocados&limit=1000") if row["report_id"] == "2306"]
    in_file = avocados_of(usda_files)
    quotes = Counter(
        (Decimal(row["low_price"]), Decimal(row["high_price"] or row["low_price"]), not row["high_price"])
        for row in in_file
        if row["low_price"]
    )
    assert quotes.total() > 100
    got = Counter((Decimal(row["low"]), Decimal(row["high"]), row["single_price"]) for row in shown if row["low"])
    assert got == quotes


def test_a_second_crawl_changes_nothing(system: System, staff: Client) -> None:
    before = pages(staff, "/api/v1/prices/crawls?limit=1000")
    asked = staff.http.post("/api/v1/prices/crawls")
    assert asked.status_code == 202, asked.text

    def finished() -> dict[str, Any] | None:
        newest: dict[str, Any] = staff.get("/api/v1/prices/crawls?limit=1")["items"][0]
        return newest if len(pages(staff, "/api/v1/prices/crawls")) > len(before) and newest["finished_at"] else None

    crawl = eventually(finished, within_s=60, what="the second crawl ends")
    assert crawl is not None
    assert (crawl["new"], crawl["changed"], crawl["problem_count"]) == (0, 0, 0)
    assert crawl["unchanged"] == before[0]["new"] + before[0]["changed"] + before[0]["unchanged"]


def test_a_buyer_may_not_start_a_crawl(all_buyers: list[Client]) -> None:
    refused = all_buyers[0].http.post("/api/v1/prices/crawls")
    assert refused.status_code == 403
    assert refused.json()["type"].endswith("forbidden")


def test_offers_start_from_those_prices(staff: Client) -> None:
    offers = staff.cycle()["offers"]
    assert len(offers) >= 30
    assert all(offer["product"]["series_id"] and offer["product"]["name_es"] for offer in offers)
    series = offers[0]["product"]["series_id"]
    quotes = staff.get(f"/api/v1/prices?series_id={series}")["items"]
    assert quotes
    assert "los angeles" in quotes[0]["market"].lower()

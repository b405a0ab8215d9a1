"""What reports say of their days, and what staff are told of a file beyond its account."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def answer(*headers: dict[str, Any]) -> bytes:
    return json.dumps([{"reportSection": "Report Header", "results": list(headers)}]).encode()


HEADER = {
    "report_date": "01/08/2026",
    "published_Date": "01/08/2026 13:44:49",
    "slug_id": "2306",
    "report_title": "Los Angeles Fruit",
    "city": "Los Angeles",
    "report_narrative": "MARKET STEADY",
}


def days(db: Any) -> list[tuple[str, ...]]:
    rows = db.rows("SELECT * FROM report_days ORDER BY report_id, reported_on")
    return [(row["report_id"], str(row["reported_on"]), row["narrative"]) for row in rows]


def test_a_later_file_replaces_what_an_earlier_one_said_of_a_day(shelf: Any, db: Any) -> None:
    shelf.crawl(a=answer(HEADER, {**HEADER, "slug_id": "2307"}))
    shelf.crawl(b=answer({**HEADER, "report_narrative": "CORRECTED"}))
    assert days(db) == [("2306", "2026-01-08", "CORRECTED"), ("2307", "2026-01-08", "MARKET STEADY")]
    (first,) = db.rows("SELECT * FROM report_days WHERE report_id = '2307'")
    assert (first["title"], first["published"], first["market"]) == (
        "Los Angeles Fruit",
        "01/08/2026 13:44:49",
        "Los Angeles",
    )
    of_day = "SELECT f.name FROM report_days d JOIN report_files f USING (file_id) WHERE d.report_id = '2306'"
    assert db.value(of_day) == "b.csv"


def test_a_holiday_notice_is_a_stored_file_without_quotes(shelf: Any, db: Any) -> None:
    shelf.crawl(a=answer({**HEADER, "report_narrative": "No reports will be issued Monday"}))
    (file,) = db.rows("SELECT state, rows_read, header_rows FROM report_files")
    assert (file["state"], file["rows_read"], file["header_rows"]) == ("stored", 0, 1)
    assert days(db) == [("2306", "2026-01-08", "No reports will be issued Monday")]
    assert db.events("usda.report.ingested.v1") == []


def test_the_real_narratives_are_stored_with_their_quotes(real_files: Path, shelf: Any, db: Any) -> None:
    name = "2309_pull-2026-01-09.csv.gz"
    shelf.crawl(a=(real_files / "mars" / name).read_bytes())
    assert db.value("SELECT count(*) FROM report_days WHERE narrative <> ''") == 18
    assert db.value("SELECT count(*) FROM quotes") == 72


def test_staff_are_told_of_wide_ranges_and_the_rows_are_stored(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"low_price": "10", "high_price": "40"}, {"low_price": "-1"}))
    problems = db.rows("SELECT reason, line FROM crawl_problems ORDER BY problem_id")
    assert [(problem["reason"], problem["line"]) for problem in problems] == [
        ("1 of 2 rows quarantined", None),
        ("1 rows with a range of more than half their middle; the first is named", 2),
    ]
    assert db.value("SELECT count(*) FROM quotes") == 1


def test_a_weight_of_the_handbook_says_so(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}, {"package": "25 lb cartons"}))
    found = db.rows("SELECT package, weight_lb, weight_source FROM quotes ORDER BY package")
    assert [(row["package"], str(row["weight_lb"]), row["weight_source"]) for row in found] == [
        ("25 lb cartons", "25.00", "stated"),
        ("cartons 2 layer", "26.00", "H-697"),
    ]

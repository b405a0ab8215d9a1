"""What reports say of their days, and what staff are told of a file beyond its account."""

import csv
import gzip
import io
import json
import uuid
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


WIDE = {"low_price": "10", "high_price": "40"}
REMARK = "rows with a range of more than half their middle, unlike on the day before: {}; the first is named"


def remarks(db: Any, crawl_id: uuid.UUID) -> list[tuple[str, int | None]]:
    rows = db.rows("SELECT reason, line FROM crawl_problems WHERE crawl_id = :id ORDER BY problem_id", id=crawl_id)
    return [(row["reason"], row["line"]) for row in rows]


def test_staff_are_told_of_wide_ranges_and_the_rows_are_stored(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    crawl_id = shelf.crawl(a=mars(WIDE, {"low_price": "-1"}))
    assert remarks(db, crawl_id) == [("1 of 2 rows quarantined", None), (REMARK.format(1), 2)]
    assert db.value("SELECT count(*) FROM quotes") == 1


def test_what_is_quoted_so_wide_every_day_is_remarked_once(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    def on(day: int, **fields: str) -> dict[str, str]:
        return {"report_date": f"01/{day:02}/2026", **fields}

    limes = {"commodity": "Limes"}
    assert remarks(db, shelf.crawl(a=mars(on(7, **WIDE), on(8, **WIDE), on(8, **limes)))) == [(REMARK.format(1), 2)]
    # the next answer has the days before it, too, and a day without a price tells nothing of ranges
    unquoted = on(9, low_price="", high_price="", reporter_comment="no offerings")
    following = [on(8, **WIDE), unquoted, on(12, **WIDE), on(12, **limes, **WIDE)]
    assert remarks(db, shelf.crawl(b=mars(*following))) == [(REMARK.format(1), 5)]
    assert remarks(db, shelf.crawl(c=mars(*following, on(13)))) == []
    assert remarks(db, shelf.crawl(d=mars(on(14, **WIDE)))) == [(REMARK.format(1), 2)]
    assert remarks(db, shelf.crawl(e=mars(on(14, low_price="10", high_price="50")))) == [(REMARK.format(1), 2)]


def test_the_real_vegetables_wide_ranges_are_remarked_on_their_first_day_only(
    real_files: Path, shelf: Any, db: Any
) -> None:
    with gzip.open(real_files / "mars/2307_pull-2026-01-09.csv.gz", "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    days = sorted({row["report_date"] for row in rows}, key=lambda day: day[6:] + day[:5])
    told = []
    for day in days:
        written = io.StringIO()
        writer = csv.DictWriter(written, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if row["report_date"] == day)
        told.append(len(remarks(db, shelf.crawl(**{f"of-{day[6:]}-{day[:2]}-{day[3:5]}": written.getvalue()}))))
    assert len(days) == 18
    assert (told[0], sum(told)) == (1, 1)


def test_a_weight_of_the_handbook_says_so(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}, {"package": "25 lb cartons"}))
    found = db.rows("SELECT package, weight_lb, weight_source FROM quotes ORDER BY package")
    assert [(row["package"], str(row["weight_lb"]), row["weight_source"]) for row in found] == [
        ("25 lb cartons", "25.00", "stated"),
        ("cartons 2 layer", "26.00", "H-697"),
    ]

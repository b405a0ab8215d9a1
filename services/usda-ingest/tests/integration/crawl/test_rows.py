"""Rows of a file: new, changed, withdrawn, doubled, flagged, quarantined."""

from collections.abc import Callable
from typing import Any

from outcome import account, last_crawl


def test_a_changed_price_keeps_its_history_and_is_told(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}, {"commodity": "Limes"}).encode())
    crawl.run()
    site.file("/a.csv", mars({"high_price": "36.00", "reporter_comment": "corrected"}, {"commodity": "Limes"}).encode())
    crawl.run()
    assert account(last_crawl(db)) == [2, 0, 1, 1, 0, 0]
    (old,) = db.rows("SELECT * FROM quote_versions")
    assert (str(old["high"]), old["version"]) == ("32.0000", 1)
    (new,) = db.rows("SELECT * FROM quotes WHERE commodity = 'Avocados'")
    assert (str(new["high"]), new["version"], new["comment"]) == ("36.0000", 2, "corrected")
    *_, last = db.events("usda.price.recorded.v1")
    assert [(quote["commodity"], quote["reference"]) for quote in last["quotes"]] == [("Avocados", "33.00")]
    assert [row["current"] for row in db.rows("SELECT current FROM report_files ORDER BY stored_at")] == [False, True]


def test_a_price_withdrawn_by_a_correction_is_no_quote_any_more(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    crawl.run()
    site.file("/a.csv", mars({"low_price": "", "high_price": ""}).encode())
    crawl.run()
    assert db.value("SELECT count(*) FROM day_quotes") == 0
    assert db.value("SELECT comment FROM quotes") == "no quote given"


def test_doubles_are_counted_and_rows_of_one_key_get_ordinals_in_any_order(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    cheap, dear = {"low_price": "15", "high_price": "15"}, {"low_price": "18", "high_price": "18"}
    site.file("/a.csv", mars(cheap, dear, cheap).encode())
    crawl.run()
    assert account(last_crawl(db)) == [3, 2, 0, 0, 1, 0]
    site.file("/a.csv", mars(dear, cheap).encode())
    crawl.run()
    assert account(last_crawl(db)) == [2, 0, 0, 2, 0, 0]
    site.file("/a.csv", mars(dear, {"low_price": "16", "high_price": "16"}).encode())
    crawl.run()
    assert account(last_crawl(db)) == [2, 0, 1, 1, 0, 0]
    assert [str(row["low"]) for row in db.rows("SELECT low FROM quotes ORDER BY ordinal")] == ["16.0000", "18.0000"]


def test_the_day_quote_leaves_out_rows_with_quality_flags(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    rows = [
        {"origin": "Mexico", "mostly_low_price": "31.00", "mostly_high_price": "32.00"},
        {"origin": "Peru", "low_price": "28.00", "high_price": "33.50"},
        {"appearance": "Fine Appearance", "low_price": "50.00", "high_price": "60.00"},
    ]
    site.file("/a.csv", mars(*rows).encode())
    crawl.run()
    (price,) = db.events("usda.price.recorded.v1")
    (quote,) = price["quotes"]
    assert (quote["low"], quote["high"], quote["reference"]) == ("28.00", "33.50", "31.50")


def test_bad_rows_are_quarantined_with_line_and_reason_and_the_rest_is_stored(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({"reporter_comment": "two\nlines"}, {"low_price": "-4"}, {"origin": "Peru"}).encode())
    crawl.run()
    assert account(last_crawl(db)) == [3, 2, 0, 0, 0, 1]
    (bad,) = db.rows("SELECT line, reason, raw FROM quarantined_rows")
    assert (bad["line"], bad["reason"]) == (4, "low price is negative: '-4'")
    assert "Avocados" in bad["raw"]
    (problem,) = db.rows("SELECT reason FROM crawl_problems")
    assert problem["reason"] == "1 of 3 rows quarantined"

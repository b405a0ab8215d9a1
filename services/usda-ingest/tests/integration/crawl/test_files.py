"""Files as wholes: stored, known again, refused."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from outcome import account, files, last_crawl
from usda_ingest.reading.package_weight import PackageWeight
from usda_ingest.storing import described
from usda_ingest.storing.raw_files import RawFiles


def test_the_real_mars_files_are_stored_whole_and_crawling_again_changes_nothing(
    real_files: Path, site: Any, crawl: Any, db: Any
) -> None:
    site.folder(real_files / "mars")
    crawl.run()
    found = files(db)
    assert account(found["2306_pull-2026-01-09.csv.gz"]) == [3627, 3627, 0, 0, 0, 0]
    assert account(found["2307_pull-2026-01-09.csv.gz"]) == [5062, 5062, 0, 0, 0, 0]
    assert account(found["2308_pull-2026-01-09.csv.gz"]) == [1062, 1062, 0, 0, 0, 0]
    assert account(found["2309_pull-2026-01-09.csv.gz"]) == [72, 72, 0, 0, 0, 0]
    assert found["terminal_report_slugs.csv"]["state"] == "not a price report"
    assert {
        row["report_id"]: row["rows"]
        for row in db.rows("SELECT report_id, count(*) AS rows FROM quotes GROUP BY report_id")
    } == {"2306": 3627, "2307": 5062, "2308": 1062, "2309": 72}
    events = len(db.events("usda.price.recorded.v1"))
    assert events == 4 * 18
    assert len(db.events("usda.report.ingested.v1")) == 4

    crawl.run()
    again = last_crawl(db)
    assert (again["files"], again["files_unchanged"], again["problems"]) == (5, 5, 0)
    assert account(again) == [9823, 0, 0, 9823, 0, 0]
    assert len(db.events("usda.price.recorded.v1")) == events
    assert len(db.events("usda.report.ingested.v1")) == 4
    assert all("If-None-Match" in site.asked(f"/{name}")[-1] for name in found)


def test_the_real_legacy_files_are_stored_with_their_overlaps_and_doubles(
    real_files: Path, site: Any, crawl: Any, db: Any
) -> None:
    site.folder(real_files / "legacy")
    crawl.run()
    # The files overlap, and which of two comes first is the network's choice: what it first stores is new, the other's
    # unchanged. What each holds, and what they hold together, is not.
    rows_and_doubles = {
        "US-pumpkins.csv": (1757, 5),
        "US-pumpkins.utf8-bom.csv": (1757, 5),
        "allcities_2021-06-22_2021-06-29.csv.gz": (55763, 3),
        "los-angeles_2021-06-22_2021-06-29.csv.gz": (7132, 0),
        "los-angeles_2021-05-03_2021-09-28_daily.csv.gz": (5921, 0),
        "los-angeles_9-24-2016_9-30-2017.csv": (62, 0),
    }
    accounts = {name: account(file) for name, file in files(db).items()}
    assert {name: (rows, doubles) for name, (rows, _, _, _, doubles, _) in accounts.items()} == rows_and_doubles
    assert {(changed, quarantined) for _, _, changed, _, _, quarantined in accounts.values()} == {(0, 0)}
    distinct = sum(new for _, new, *_ in accounts.values())
    assert distinct == 1752 + 55760 + 5502 + 26
    assert db.value("SELECT count(*) FROM quotes") == distinct
    assert db.value("SELECT count(*) FROM staged_quotes") == 0
    assert db.value("SELECT max(ordinal) FROM quotes") > 1
    assert max(len(event["quotes"]) for event in db.events("usda.price.recorded.v1")) <= 500


def test_a_file_that_breaks_off_is_refused_and_nothing_of_it_is_stored(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str], zipped: Callable[[str], bytes]
) -> None:
    site.page("/", "half.csv.gz", "quote.csv", "error.csv", "fine.csv")
    many = mars(*({"item_size": f"{number}s"} for number in range(5_000)))
    whole = zipped(many)
    site.file("/half.csv.gz", whole[: len(whole) // 2])
    site.file("/quote.csv", many.encode() + b'"open quote')
    site.file("/error.csv", b"<html><body>Service temporarily unavailable", type_="text/html")
    site.file("/fine.csv", mars({}).encode())
    crawl.run()
    found = files(db)
    assert found["half.csv.gz"]["reason"] == "the gzip data is truncated or damaged"
    assert (found["quote.csv"]["line"], found["quote.csv"]["reason"][:7]) == (5_002, "not CSV")
    assert found["error.csv"]["reason"] == "an HTML page without a table of prices: 'Service temporarily unavailable'"
    assert {row["state"] for name, row in found.items() if name != "fine.csv"} == {"refused"}
    assert db.value("SELECT count(*) FROM quotes") == 1
    assert (last_crawl(db)["files_refused"], last_crawl(db)["problems"]) == (3, 3)
    crawl.run()
    reasons = [row["reason"] for row in db.rows("SELECT reason FROM crawl_problems ORDER BY problem_id")]
    assert len(reasons) == 6
    assert all(reason.startswith("still: ") for reason in reasons[3:])


def test_a_file_without_validators_is_known_by_its_bytes(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode(), validators=False)
    crawl.run()
    crawl.run()
    assert "If-None-Match" not in site.asked("/a.csv")[-1]
    assert (last_crawl(db)["files_unchanged"], last_crawl(db)["rows_unchanged"]) == (1, 1)


def test_contents_that_come_back_are_read_again(site: Any, crawl: Any, db: Any, mars: Callable[..., str]) -> None:
    site.page("/", "a.csv")
    for high, changed in (("32.00", 0), ("35.00", 1), ("32.00", 1)):
        site.file("/a.csv", mars({"high_price": high}).encode())
        crawl.run()
        assert last_crawl(db)["rows_changed"] == changed
    assert str(db.value("SELECT high FROM quotes")) == "32.0000"
    assert len(list(crawl.raw_dir.rglob("*/*"))) == 2


def test_raw_bytes_are_kept_once_and_a_damaged_copy_is_replaced(tmp_path: Path) -> None:
    kept = RawFiles(tmp_path)
    digest, path = kept.keep(b"bytes")
    assert kept.keep(b"bytes") == (digest, path)
    path.write_bytes(b"by")
    kept.keep(b"bytes")
    assert path.read_bytes() == b"bytes"
    assert [entry.name for entry in path.parent.iterdir()] == [digest]


def test_what_a_killed_process_had_begun_to_write_is_forgotten_and_what_is_kept_stays(tmp_path: Path) -> None:
    kept = RawFiles(tmp_path)
    _digest, path = kept.keep(b"whole")
    (path.parent / ".half").write_bytes(b"wh")
    assert kept.forget_unfinished() == 1
    assert [found.read_bytes() for found in path.parent.iterdir()] == [b"whole"]


def test_a_crawl_forgets_what_one_before_it_had_begun_to_write(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    half = crawl.raw_dir / "ab" / ".half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"wh")
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    crawl.run()
    assert db.value("SELECT state FROM report_files") == "stored"
    assert not half.exists()


def test_a_file_that_the_database_refuses_does_not_hold_up_the_others(
    shelf: Any, db: Any, mars: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    too_much = PackageWeight(Decimal(10) ** 12, "stated")
    monkeypatch.setattr(described, "net_weight", lambda commodity, *_: too_much if commodity == "Limes" else None)
    shelf.crawl(a=mars({"commodity": "Limes"}), b=mars({}))
    found = files(db)
    assert (found["a.csv"]["state"], found["a.csv"]["reason"]) == ("refused", "could not be stored: DataError")
    assert found["b.csv"]["state"] == "stored"

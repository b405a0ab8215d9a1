"""Scrapy in its own process, a loopback site, a real database."""

import signal
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from usda_ingest import storing
from usda_ingest.errors import CrawlSuperseded
from usda_ingest.files import Validators
from usda_ingest.intake import Intake
from usda_ingest.package_weight import PackageWeight
from usda_ingest.raw_files import RawFiles

Answer = Callable[..., None]


def account(file: dict[str, Any]) -> list[int]:
    names = ("rows_read", "rows_new", "rows_changed", "rows_unchanged", "exact_doubles", "rows_quarantined")
    return [file[name] for name in names]


def files(db: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in db.rows("SELECT * FROM report_files")}


def last_crawl(db: Any) -> dict[str, Any]:
    return db.rows("SELECT * FROM crawls ORDER BY requested_at DESC LIMIT 1")[0]  # type: ignore[no-any-return]


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
    started = time.monotonic()
    crawl.run()
    assert time.monotonic() - started < 60
    found = files(db)
    assert account(found["US-pumpkins.csv"]) == [1757, 1752, 0, 0, 5, 0]
    assert account(found["US-pumpkins.utf8-bom.csv"]) == [1757, 0, 0, 1752, 5, 0]
    assert account(found["allcities_2021-06-22_2021-06-29.csv.gz"]) == [55763, 55760, 0, 0, 3, 0]
    assert account(found["los-angeles_2021-06-22_2021-06-29.csv.gz"]) == [7132, 0, 0, 7132, 0, 0]
    assert account(found["los-angeles_2021-05-03_2021-09-28_daily.csv.gz"]) == [5921, 5502, 0, 419, 0, 0]
    assert account(found["los-angeles_9-24-2016_9-30-2017.csv"]) == [62, 26, 0, 36, 0, 0]
    assert db.value("SELECT count(*) FROM staged_quotes") == 0
    assert db.value("SELECT max(ordinal) FROM quotes") > 1
    assert max(len(event["quotes"]) for event in db.events("usda.price.recorded.v1")) <= 500


def test_csv_links_are_followed_on_the_index_and_one_page_deeper_only(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv?v=1", "/deeper", "mailto:x@example.com", "manual.pdf", "a.csv?v=1")
    site.page("/deeper", "files/b%20c.csv.gz", "?format=text", "/deepest")
    site.page("/deepest", "/d.csv")
    site.file("/a.csv", mars({}).encode())
    site.file("/files/b%20c.csv.gz", mars({"commodity": "Limes"}).encode())
    site.file("/deeper?format=text", mars({"commodity": "Pears"}).encode())
    site.file("/d.csv", mars({"commodity": "Kiwifruit"}).encode())
    crawl.run()
    assert sorted(files(db)) == ["a.csv", "b c.csv.gz", "deeper"]
    assert len(site.asked("/a.csv")) == 1
    assert not site.asked("/manual.pdf")
    assert last_crawl(db)["pages"] == 2


def test_the_events_of_a_crawl_come_in_order_and_finished_is_last(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    crawl.run()
    types = [row["type"] for row in db.rows("SELECT type FROM outbox ORDER BY id")]
    states = [event["state"] for event in db.events("usda.crawl.progressed.v1")]
    assert types == [
        "usda.crawl.progressed.v1",
        "usda.price.recorded.v1",
        "usda.report.ingested.v1",
        "usda.crawl.progressed.v1",
        "usda.crawl.progressed.v1",
    ]
    assert states == ["started", "running", "finished"]
    (price,) = db.events("usda.price.recorded.v1")
    (quote,) = price["quotes"]
    assert (price["report_id"], price["market"], price["report_date"]) == ("2306", "Los Angeles", "2026-01-08")
    assert (quote["low"], quote["high"], quote["reference"]) == ("30.00", "32.00", "31.00")
    (report,) = db.events("usda.report.ingested.v1")
    assert report["rows"]["new"] == report["rows"]["read"] == 1


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
    assert found["error.csv"]["reason"] == "HTML or XML, not CSV"
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


def test_a_redirect_to_another_host_is_not_followed(
    site: Any, crawl: Any, db: Any, answer: Answer, mars: Callable[..., str]
) -> None:
    site.page("/", "away.csv", "moved.csv", "http://other.example/x.csv")
    away = f"http://localhost:{site.port}/secret.csv"
    site.routes["/away.csv"] = lambda handler: answer(handler, 302, b"", {"Location": away})
    site.routes["/moved.csv"] = lambda handler: answer(handler, 302, b"", {"Location": "/now.csv"})
    site.file("/now.csv", mars({}).encode())
    site.file("/secret.csv", mars({}).encode())
    crawl.run()
    assert not site.asked("/secret.csv")
    found = files(db)
    assert found["away.csv"]["state"] == "refused"
    assert "not in USDA_ALLOWED_HOSTS" in found["away.csv"]["reason"]
    assert found["moved.csv"]["state"] == "stored"
    reasons = {row["url"]: row["reason"] for row in db.rows("SELECT url, reason FROM crawl_problems")}
    assert reasons["http://other.example/x.csv"] == "the host is not in USDA_ALLOWED_HOSTS"


def test_a_busy_server_gets_the_time_it_asks_for(
    site: Any, crawl: Any, db: Any, answer: Answer, mars: Callable[..., str]
) -> None:
    site.page("/", "busy.csv", "busier.csv")
    asked: list[float] = []

    def busy(handler: BaseHTTPRequestHandler) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            answer(handler, 503, b"", {"Retry-After": "2"})
        else:
            answer(handler, 200, mars({}).encode(), {"Content-Type": "text/csv"})

    site.routes["/busy.csv"] = busy
    site.routes["/busier.csv"] = lambda handler: answer(handler, 503, b"", {"Retry-After": "3600"})
    crawl.run()
    assert asked[1] - asked[0] >= 2
    found = files(db)
    assert found["busy.csv"]["state"] == "stored"
    assert (found["busier.csv"]["state"], found["busier.csv"]["reason"]) == ("not fetched", "HTTP 503")
    assert len(site.asked("/busier.csv")) == 1


def test_what_is_too_large_or_too_slow_is_given_up(site: Any, crawl: Any, db: Any, mars: Callable[..., str]) -> None:
    site.page("/", "endless.csv", "slow.csv", "fine.csv")

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")

    def slow(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    site.routes["/endless.csv"], site.routes["/slow.csv"] = endless, slow
    site.file("/fine.csv", mars({}).encode())
    crawl.run(USDA_DOWNLOAD_MAX_BYTES="50000", USDA_DOWNLOAD_TIMEOUT_S="1", USDA_RETRIES="0")
    found = files(db)
    assert found["endless.csv"]["state"] == "refused"
    assert found["slow.csv"]["state"] == "not fetched"
    assert "took longer than" in found["slow.csv"]["reason"]
    assert found["fine.csv"]["state"] == "stored"


def test_a_link_that_fails_today_leaves_what_it_served_before(
    site: Any, crawl: Any, db: Any, answer: Answer, mars: Callable[..., str]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    crawl.run()
    served = site.routes["/a.csv"]
    site.routes["/a.csv"] = lambda handler: answer(handler, 404, b"gone", {})
    crawl.run()
    states = {row["sha256"] == "": (row["state"], row["current"]) for row in db.rows("SELECT * FROM report_files")}
    assert states == {False: ("stored", True), True: ("not fetched", False)}
    assert db.value("SELECT count(*) FROM quotes") == 1
    site.routes["/a.csv"] = served
    crawl.run()
    assert last_crawl(db)["files_unchanged"] == 1


def test_robots_txt_is_obeyed(site: Any, crawl: Any, db: Any, mars: Callable[..., str]) -> None:
    site.file("/robots.txt", b"User-agent: *\nDisallow: /private/\n", type_="text/plain")
    site.page("/", "private/a.csv", "b.csv")
    site.file("/private/a.csv", mars({}).encode())
    site.file("/b.csv", mars({}).encode())
    crawl.run()
    assert not site.asked("/private/a.csv")
    assert "robots.txt" in files(db)["a.csv"]["reason"]


@pytest.mark.parametrize(
    ("status", "body", "type_", "reason"),
    [
        (404, b"no", "text/html", "the index could not be read: HTTP 404"),
        (200, b"a,b\n", "text/csv", "the index is not an HTML page"),
        (200, b"<html><title>Maintenance</title>", "text/html", "the index has no links to CSV files or pages"),
    ],
)
def test_a_crawl_without_an_index_fails_and_says_so(
    *, site: Any, crawl: Any, db: Any, answer: Answer, status: int, body: bytes, type_: str, reason: str
) -> None:
    site.routes["/"] = lambda handler: answer(handler, status, body, {"Content-Type": type_})
    output = crawl.run(code=1)
    assert reason in output
    assert (last_crawl(db)["state"], last_crawl(db)["reason"]) == ("failed", reason)
    (failed,) = db.events("usda.crawl.failed.v1")
    assert (failed["state"], failed["reason"]) == ("failed", reason)
    assert [event["state"] for event in db.events("usda.crawl.progressed.v1")] == ["started"]


def test_only_one_crawl_runs_at_a_time(site: Any, crawl: Any, db: Any, eventually: Callable[..., Any]) -> None:
    site.page("/", "slow.csv")
    site.routes["/slow.csv"] = lambda handler: time.sleep(2)
    first = crawl.start()
    eventually(lambda: site.asked("/slow.csv"), 20)
    assert "another crawl is running" in crawl.run(code=75)
    first.signal(signal.SIGTERM)
    assert first.wait() == 1
    assert last_crawl(db)["reason"] == "stopped"


def test_a_crawl_killed_at_any_point_stores_no_half_file_and_the_next_one_completes(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    names = [f"{number}.csv" for number in range(3)]
    rows = 6_000
    site.page("/", *names)
    for number, name in enumerate(names):
        file_rows = ({"item_size": f"{size}s", "slug_id": str(number)} for size in range(rows))
        site.file(f"/{name}", mars(*file_rows).encode())
    process = crawl.start()
    storing = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usda-crawl' AND query LIKE '%quotes%'"
    eventually(lambda: site.asked("/0.csv") and db.value(storing), 30)
    process.signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    eventually(lambda: not db.value(storing), 30)
    for row in db.rows("SELECT report_id, count(*) AS rows FROM quotes GROUP BY report_id"):
        assert row["rows"] == rows
    crawl.run(USDA_CRAWL_DEADLINE_S="60")
    assert db.value("SELECT count(*) FROM quotes") == 3 * rows
    states = [row["state"] for row in db.rows("SELECT state FROM crawls ORDER BY requested_at")]
    assert states == ["failed", "finished"]
    assert db.value("SELECT reason FROM crawls WHERE state = 'failed'").startswith("interrupted")
    assert len(db.events("usda.crawl.failed.v1")) == 1
    told = sum(len(event["quotes"]) for event in db.events("usda.price.recorded.v1"))
    assert told == rows  # the series are the same in all three files


def test_raw_bytes_are_kept_once_and_a_damaged_copy_is_replaced(tmp_path: Path) -> None:
    kept = RawFiles(tmp_path)
    digest, path = kept.keep(b"bytes")
    assert kept.keep(b"bytes") == (digest, path)
    path.write_bytes(b"by")
    kept.keep(b"bytes")
    assert path.read_bytes() == b"bytes"
    assert [entry.name for entry in path.parent.iterdir()] == [digest]


def test_a_file_that_the_database_refuses_does_not_hold_up_the_others(
    shelf: Any, db: Any, mars: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    too_much = PackageWeight(Decimal(10) ** 12, "stated")
    monkeypatch.setattr(storing, "_weight", lambda traits: too_much if traits.commodity == "Limes" else None)
    shelf.crawl(a=mars({"commodity": "Limes"}), b=mars({}))
    found = files(db)
    assert (found["a.csv"]["state"], found["a.csv"]["reason"]) == ("refused", "could not be stored: DataError")
    assert found["b.csv"]["state"] == "stored"


def test_a_crawl_that_was_closed_by_another_writes_nothing_more(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    closed = shelf.crawl()
    intake = Intake(db.engine, RawFiles(shelf.folder), closed, date(2026, 11, 21))
    with pytest.raises(CrawlSuperseded):
        intake.take("http://usda.test/a.csv", "a.csv", mars({}).encode(), Validators(), download_ms=1)
    assert db.value("SELECT count(*) FROM quotes") == 0


def test_a_crawl_without_its_database_says_so(site: Any, crawl: Any) -> None:
    output = crawl.run(code=1, DATABASE_URL="postgresql://usda@127.0.0.1:1/usda")
    assert "the database does not answer" in output
    assert "Traceback" not in output

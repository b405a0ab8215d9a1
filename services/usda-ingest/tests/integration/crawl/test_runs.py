"""A crawl from start to end: its events, its failures, and crawls that are killed or superseded."""

import signal
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from outcome import last_crawl
from usda_ingest.errors import CrawlSuperseded
from usda_ingest.storing.files import Validators
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.raw_files import RawFiles

Answer = Callable[..., None]


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
        "usda.crawl.progressed.v1",
        "usda.price.recorded.v1",
        "usda.report.ingested.v1",
        "usda.crawl.progressed.v1",
    ]
    assert states == ["started", "running", "finished"]
    (price,) = db.events("usda.price.recorded.v1")
    (quote,) = price["quotes"]
    assert (price["report_id"], price["market"], price["report_date"]) == ("2306", "Los Angeles", "2026-01-08")
    assert (quote["low"], quote["high"], quote["reference"]) == ("30.00", "32.00", "31.00")
    (report,) = db.events("usda.report.ingested.v1")
    assert report["rows"]["new"] == report["rows"]["read"] == 1


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

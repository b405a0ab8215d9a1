"""Which links a crawl follows, and what it does when a server refuses, stalls or sends too much."""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from outcome import files, last_crawl
from usda_site import faults

Answer = Callable[..., None]


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
    assert reasons["http://other.example/x.csv"] == "not asked: its host is not in USDA_ALLOWED_HOSTS"


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
    site.routes["/endless.csv"], site.routes["/slow.csv"] = faults.endless, faults.drip
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
    assert [row["state"] for row in db.rows("SELECT state FROM report_files")] == ["stored"]


def test_robots_txt_is_obeyed(site: Any, crawl: Any, db: Any, mars: Callable[..., str]) -> None:
    site.file("/robots.txt", b"User-agent: *\nDisallow: /private/\n", type_="text/plain")
    site.page("/", "private/a.csv", "b.csv")
    site.file("/private/a.csv", mars({}).encode())
    site.file("/b.csv", mars({}).encode())
    crawl.run()
    assert not site.asked("/private/a.csv")
    assert "robots.txt" in files(db)["a.csv"]["reason"]

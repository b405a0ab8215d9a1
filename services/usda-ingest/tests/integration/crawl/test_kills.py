"""kill -9 at any moment: whole files or nothing, nothing twice, and the next crawl completes."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from outcome import last_crawl
from usda_ingest.storing.crawls import INTERRUPTED

FILES, ROWS = 6, 400
NAMES = [f"{number}.csv" for number in range(FILES)]
KILLS = 5
# From before the crawl has begun to after it has ended.
LATEST_KILL_S = 4.0


@pytest.fixture
def shelves(site: Any, mars: Callable[..., str]) -> None:
    """Six files of one report, each with days of its own."""
    site.page("/", *NAMES)
    for number, name in enumerate(NAMES):
        day = f"01/{12 + number:02}/2026"
        site.file(f"/{name}", mars(*({"item_size": f"{size}s", "report_date": day} for size in range(ROWS))).encode())


@pytest.mark.usefixtures("shelves")
@pytest.mark.parametrize("seed", [1, 2])
def test_crawls_that_are_killed_again_and_again_leave_nothing_half_and_nothing_double(
    crawl: Any, db: Any, seed: int
) -> None:
    moments = random.Random(seed)
    for _ in range(KILLS):
        process = crawl.start("--wait-s", "20")
        time.sleep(moments.uniform(0, LATEST_KILL_S))  # the moment itself is what is tried, not a wait for something
        with suppress(ProcessLookupError):  # it may have been through in time
            process.signal(signal.SIGKILL)
        assert process.wait() in (-signal.SIGKILL, 0)
        per_day = db.rows("SELECT quoted_on, count(*) AS rows FROM quotes GROUP BY quoted_on")
        assert all(row["rows"] == ROWS for row in per_day)
    last = crawl.start("--wait-s", "20")
    assert last.wait() == 0, last.output.read_text()
    assert db.value("SELECT count(*) FROM quotes") == FILES * ROWS
    assert db.value("SELECT count(*) FROM quote_versions") == 0
    told = Counter(
        (quote["series_id"], quote["date"])
        for event in db.events("usda.price.recorded.v1")
        for quote in event["quotes"]
    )
    assert (len(told), max(told.values())) == (FILES * ROWS, 1)
    *killed, finished = db.rows("SELECT state, reason FROM crawls ORDER BY requested_at")
    assert finished["state"] == "finished"
    assert {(row["state"], row["reason"]) for row in killed} <= {("failed", INTERRUPTED), ("finished", None)}
    assert len(db.events("usda.crawl.failed.v1")) == sum(row["state"] == "failed" for row in killed)
    open_lines = "SELECT count(*) FROM crawl_sources WHERE state IN ('waiting', 'running')"
    assert db.value(open_lines) == 0


@pytest.mark.usefixtures("shelves")
def test_a_crawl_that_was_killed_just_now_is_taken_up_where_it_was(
    *, crawl: Any, db: Any, site: Any, eventually: Callable[..., Any]
) -> None:
    served, is_over = site.routes["/4.csv"], threading.Event()
    site.routes["/4.csv"] = lambda handler: is_over.wait(120)
    process = crawl.start()
    eventually(lambda: site.asked("/4.csv"), 60)
    eventually(lambda: db.value("SELECT files FROM crawls"), 60)
    process.signal(signal.SIGKILL)
    process.wait()
    is_over.set()
    site.routes["/4.csv"] = served
    asked = {name: len(site.asked(f"/{name}")) for name in NAMES}
    stored = {row["name"] for row in db.rows("SELECT name FROM report_files")}
    assert stored
    assert "4.csv" not in stored
    crawl.run()
    assert {name: len(site.asked(f"/{name}")) - asked[name] for name in NAMES} == {
        name: 0 if name in stored else 1 for name in NAMES
    }
    assert (last_crawl(db)["files"], last_crawl(db)["files_unchanged"]) == (FILES, len(stored))
    before = len(site.asked("/0.csv"))
    crawl.run()
    assert len(site.asked("/0.csv")) == before + 1


@pytest.mark.usefixtures("shelves")
def test_a_crawl_that_was_killed_long_ago_is_begun_anew(crawl: Any, db: Any, site: Any) -> None:
    crawl.run()
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE crawls SET state = 'failed', reason = %s, started_at = %s, requested_at = %s",
            (INTERRUPTED, long_ago, long_ago),
        )
    crawl.run()
    assert len(site.asked("/0.csv")) == 2

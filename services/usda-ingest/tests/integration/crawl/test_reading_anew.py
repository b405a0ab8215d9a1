"""A crawl reads anew what an older reader has read, by itself: within its time, once, and whatever kills it."""

import hashlib
import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from outcome import files, last_crawl, problems
from usda_ingest.storing import crawls, replay
from usda_ingest.storing.files import READER_VERSION
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.raw_files import RawFiles
from usda_site.site import Site

Rows = Callable[..., str]


def path_of(raw_dir: Path, body: str) -> Path:
    digest = hashlib.sha256(body.encode()).hexdigest()
    return raw_dir / digest[:2] / digest


def grow_older(db: Any, *names: str) -> None:
    """Let these files have been read by the reader before this one."""
    with db.engine.begin() as connection:
        statement = "UPDATE report_files SET reader_version = %s WHERE name = ANY(%s)"
        connection.exec_driver_sql(statement, (READER_VERSION - 1, list(names)))


def standing(db: Any) -> dict[str, str]:
    return {row["commodity"]: str(row["high"].normalize()) for row in db.rows("SELECT commodity, high FROM quotes")}


def lines(db: Any) -> dict[str, tuple[str, int, int]]:
    rows = db.rows("SELECT * FROM crawl_sources WHERE crawl_id = :id", id=last_crawl(db)["crawl_id"])
    return {row["source"]: (row["state"], row["files"], row["problems"]) for row in rows}


@pytest.fixture
def gone(site: Site, crawl: Any, mars: Rows) -> dict[str, str]:
    """Two files that were crawled, and that no page links to any more."""
    bodies = {"a.csv": mars({}, {"commodity": "Limes"}), "b.csv": mars({"commodity": "Pears"})}
    site.page("/", *bodies)
    for name, body in bodies.items():
        site.file(f"/{name}", body.encode())
    crawl.run()
    site.page("/", "other.csv")
    site.file("/other.csv", mars({"commodity": "Kiwifruit"}).encode())
    return bodies


def test_what_an_older_reader_has_read_is_read_anew_once(gone: dict[str, str], crawl: Any, db: Any, mars: Rows) -> None:
    grow_older(db, *gone)
    path_of(crawl.raw_dir, gone["a.csv"]).write_text(mars({"high_price": "33.00"}))
    told = len(db.events("usda.price.recorded.v1"))
    crawl.run()
    assert standing(db) == {"Avocados": "33", "Pears": "32", "Kiwifruit": "32"}
    assert lines(db) == {"index": ("finished", 1, 0), "replay": ("finished", 2, 0)}
    assert (last_crawl(db)["state"], last_crawl(db)["files"], last_crawl(db)["rows_changed"]) == ("finished", 3, 1)
    news = db.events("usda.price.recorded.v1")[told:]
    assert [len(event.get("withdrawn", [])) for event in news] == [0, 1]
    crawl.run()
    assert lines(db) == {"index": ("finished", 1, 0)}
    assert len(db.events("usda.price.recorded.v1")) == told + 2


def test_a_link_that_serves_the_same_still_gives_way_to_what_the_reader_makes_of_it_today(
    site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    body = mars({}, {"commodity": "Limes"})
    site.page("/", "a.csv")
    site.file("/a.csv", body.encode())
    crawl.run()
    with db.engine.begin() as connection:  # as if the older reader had taken Limes for something else
        connection.exec_driver_sql("UPDATE quotes SET row_key = gen_random_uuid() WHERE commodity = 'Limes'")
    grow_older(db, "a.csv")
    crawl.run()
    assert db.value("SELECT count(*) FROM quotes") == 2
    assert lines(db) == {"index": ("finished", 1, 0)}
    crawl.run()
    assert "If-None-Match" in site.asked("/a.csv")[-1]
    assert last_crawl(db)["files_unchanged"] == 1


def test_what_todays_reader_cannot_read_stays_and_is_told_once_and_lost_bytes_are_not(
    gone: dict[str, str], crawl: Any, db: Any
) -> None:
    grow_older(db, *gone)
    path_of(crawl.raw_dir, gone["a.csv"]).write_text("<html>")
    path_of(crawl.raw_dir, gone["b.csv"]).unlink()
    before = standing(db)
    for _ in range(2):
        crawl.run()
    assert standing(db) == {**before, "Kiwifruit": "32"}
    (problem,) = problems(db)
    assert problem["reason"].startswith("not read anew: an HTML page without a table of prices")
    found = files(db)
    assert (found["a.csv"]["state"], found["a.csv"]["reason"]) == ("stored", problem["reason"])
    assert found["b.csv"]["reader_version"] == READER_VERSION - 1


@pytest.fixture
def blocked(gone: dict[str, str], crawl: Any, db: Any, eventually: Callable[..., Any]) -> Iterator[tuple[Any, Any]]:
    """A crawl that has begun to read the first file anew and has to wait; what lets it go on, and its process."""
    grow_older(db, *gone)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("SELECT FROM report_files WHERE name = 'a.csv' FOR UPDATE")
        process = crawl.start()
        eventually(lambda: "replay" in lines(db), 60)
        yield connection.rollback, process


def test_a_crawl_that_is_told_to_end_leaves_the_rest_to_the_next(blocked: tuple[Any, Any], crawl: Any, db: Any) -> None:
    go_on, process = blocked
    process.signal(signal.SIGTERM)
    go_on()
    assert process.wait() == 0, process.output.read_text()
    assert last_crawl(db)["state"] == "finished"
    assert lines(db)["replay"] == ("finished", 1, 0)
    assert files(db)["b.csv"]["reader_version"] == READER_VERSION - 1
    crawl.run()
    assert lines(db)["replay"] == ("finished", 1, 0)


def test_a_crawl_that_is_killed_has_read_nothing_half(blocked: tuple[Any, Any], crawl: Any, db: Any) -> None:
    go_on, process = blocked
    before = standing(db)
    process.signal(signal.SIGKILL)
    process.wait()
    go_on()
    assert standing(db) == before
    crawl.start("--wait-s", "20").wait()
    assert lines(db)["replay"] == ("finished", 2, 0)
    assert standing(db) == before


def test_a_crawl_reads_no_more_than_it_has_time_for_and_passes_over_what_is_lost(
    shelf: Any, db: Any, mars: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE_CONTENTS", 2)
    bodies = {name: mars({"commodity": name}) for name in "abcdefg"}
    shelf.crawl(**bodies)
    grow_older(db, *(f"{name}.csv" for name in bodies))
    for name in "abcf":
        path_of(shelf.folder, bodies[name]).unlink()
    crawl_id = uuid.uuid4()
    with db.engine.begin() as connection:
        crawls.begin(connection, crawl_id, source="index", cause="schedule")
    raw_files = RawFiles(shelf.folder)
    intake = Intake(db.engine, raw_files, crawl_id, date(2026, 11, 21))

    def left() -> list[str]:
        old = "SELECT name FROM report_files WHERE reader_version < :version ORDER BY name"
        return [row["name"][0] for row in db.rows(old, version=READER_VERSION)]

    times = iter([True] * 4 + [False])  # for three that are lost, and one that is there
    replay.read_anew(db.engine, intake, raw_files, lambda: next(times))
    assert left() == ["a", "b", "c", "e", "f", "g"]
    replay.read_anew(db.engine, intake, raw_files, lambda: True)
    assert left() == ["a", "b", "c", "f"]

"""The record of a crawl, a line for each source, and how often it is told."""

import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from usda_ingest.storing import crawl_sources, crawls
from usda_ingest.storing.crawl_sources import Counts
from usda_ingest.storing.files import Validators
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.progress import Progress
from usda_ingest.storing.raw_files import RawFiles


@pytest.fixture
def crawl_id(db: Any) -> uuid.UUID:
    made = uuid.uuid4()
    with db.engine.begin() as connection:
        crawls.begin(connection, made, source="two", cause="operator")
        crawl_sources.expect(connection, made, ["index", "mars"])
    return made


@pytest.fixture
def intake(db: Any, crawl_id: uuid.UUID, tmp_path: Path) -> Intake:
    return Intake(db.engine, RawFiles(tmp_path / "raw"), crawl_id, date(2026, 11, 21))


def lines(db: Any) -> dict[str, dict[str, Any]]:
    return {row["source"]: row for row in db.rows("SELECT * FROM crawl_sources")}


def test_each_source_has_a_line_with_what_it_brought(intake: Intake, db: Any, mars: Callable[..., str]) -> None:
    intake.source_started("mars")
    intake.planned(3, source="mars")
    intake.take(
        "http://m.test/1", "1", mars({}, {"low_price": "-1"}).encode(), Validators(), source="mars", download_ms=5
    )
    intake.nothing(source="mars", download_ms=5)
    intake.not_fetched("http://m.test/3", "3", "HTTP 500", refused=False, source="mars", download_ms=5)
    intake.source_finished("mars", "HTTP 500")
    line = lines(db)["mars"]
    counts = [line[name] for name in ("planned", "done", "files", "rows", "problems")]
    assert counts == [3, 3, 2, 2, 2]
    assert (line["state"], line["reason"]) == ("failed", "HTTP 500")
    assert line["started_at"] <= line["finished_at"]
    assert (lines(db)["index"]["state"], lines(db)["index"]["started_at"]) == ("waiting", None)
    assert db.value("SELECT download_ms FROM crawls") == 15


@pytest.mark.parametrize(("reason", "state"), [(None, "finished"), ("the power went", "failed")])
def test_lines_left_open_end_as_the_crawl_does(db: Any, crawl_id: uuid.UUID, reason: str | None, state: str) -> None:
    with db.engine.begin() as connection:
        crawl_sources.start(connection, crawl_id, "mars")
        crawl_sources.close(connection, crawl_id, "mars", None)
        if reason is None:
            crawls.finish(connection, crawl_id)
        else:
            crawls.fail(connection, crawl_id, reason)
    assert (lines(db)["index"]["state"], lines(db)["index"]["reason"]) == (state, reason)
    assert lines(db)["mars"]["state"] == "finished"


def test_events_say_how_many_answers_there_are_as_soon_as_it_is_known(intake: Intake, db: Any) -> None:
    intake.planned(7, source="index")
    told = [(event["state"], event["files"], event["files_total"]) for event in db.events("usda.crawl.progressed.v1")]
    assert told == [("started", 0, None), ("running", 0, 7)]


def test_the_total_is_never_less_than_what_is_done(db: Any, crawl_id: uuid.UUID) -> None:
    with db.engine.begin() as connection:
        crawl_sources.add(connection, crawl_id, "index", Counts(planned=1, done=2))
        crawl_sources.add(connection, crawl_id, "mars", Counts(planned=5))
        assert crawls.find(connection, crawl_id)["files_total"] == 7  # type: ignore[index]


def test_progress_is_told_at_once_then_once_a_second_then_more_seldom(db: Any, crawl_id: uuid.UUID) -> None:
    moments = [100.0, 100.9, 101.0, 101.5, 1_100.0, 1_109.0, 1_111.0]
    clock = iter([100.0, *moments])
    progress = Progress(crawl_id, clock=lambda: next(clock))
    with db.engine.begin() as connection:
        told = [progress.tell(connection) for _ in moments]
    assert told == [True, False, True, False, True, False, True]
    assert len(db.events("usda.crawl.progressed.v1")) == 1 + told.count(True)


def test_what_went_over_the_line_is_counted_for_each_source(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str], answer: Callable[..., None]
) -> None:
    body = mars({}).encode()
    tries: list[str] = []

    def busy_once(handler: Any) -> None:
        tries.append(handler.path)
        if len(tries) == 1:
            answer(handler, 503, b"later", {"Retry-After": "0"})
        else:
            answer(handler, 200, body, {"Content-Type": "text/csv"})

    site.page("/", "a.csv")
    site.routes["/a.csv"] = busy_once
    crawl.run()
    line = lines(db)["index"]
    assert (line["state"], line["planned"], line["done"], line["files"], line["rows"]) == ("finished", 1, 1, 1, 1)
    assert (line["requests"], line["retries"]) == (4, 1)  # robots.txt, the page, the file twice
    assert len(body) + len(b"later") < line["bytes"] < len(body) + 2_000

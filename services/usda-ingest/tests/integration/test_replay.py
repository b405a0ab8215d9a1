"""Kept contents read anew: what a better reader finds comes in, what it no longer finds goes, history stays history."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from usda_ingest.settings import CrawlSettings
from usda_ingest.storing import crawls, replay_command


@pytest.fixture
def replay(shelf: Any, db: Any) -> Callable[..., str]:
    def run(*names: str, code: int = 0, everything: bool = False) -> str:
        environment = {
            "MERCADITO_ENV": "test",
            "USDA_INDEX_URL": "http://usda.test/",
            "USDA_RAW_DIR": str(shelf.folder),
            **db.environment(),
        }
        said = io.StringIO()
        settings = CrawlSettings.from_env(environment)
        assert replay_command.run(settings, names, said, everything=everything) == code, said.getvalue()
        return said.getvalue()

    return run


@pytest.fixture
def reader_becomes_better(shelf: Any) -> Callable[[str, str], None]:
    """Lets the reader find other rows in a kept content, by putting other bytes in its place."""

    def swap(kept: str, read_as: str) -> None:
        digest = hashlib.sha256(kept.encode()).hexdigest()
        (shelf.folder / digest[:2] / digest).write_bytes(read_as.encode())

    return swap


def standing(db: Any) -> dict[str, str]:
    return {row["commodity"]: str(row["high"].normalize()) for row in db.rows("SELECT commodity, high FROM quotes")}


def price_events(db: Any) -> list[dict[str, Any]]:
    return db.events("usda.price.recorded.v1")  # type: ignore[no-any-return]


def test_the_same_reader_changes_nothing_and_an_old_content_does_not_undo_a_correction(
    shelf: Any, db: Any, mars: Callable[..., str], replay: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({"high_price": "32.00"}, {"commodity": "Limes"}))
    shelf.crawl(a=mars({"high_price": "35.00"}, {"commodity": "Limes"}))
    before = (
        standing(db),
        price_events(db),
        db.rows("SELECT * FROM quote_versions"),
        db.rows("SELECT * FROM day_quotes"),
    )
    assert "files: 0," in replay()  # today's reader has read them all
    assert replay(everything=True).startswith("done: files: 2, 4 rows (0 new, 0 changed)")
    assert before == (
        standing(db),
        price_events(db),
        db.rows("SELECT * FROM quote_versions"),
        db.rows("SELECT * FROM day_quotes"),
    )
    assert [row["current"] for row in db.rows("SELECT current FROM report_files ORDER BY stored_order")] == [
        False,
        True,
    ]
    newest = db.rows("SELECT state, cause, files FROM crawls ORDER BY requested_at DESC LIMIT 1")
    assert newest == [{"state": "finished", "cause": "replay", "files": 2}]


def test_what_a_better_reader_finds_comes_in_and_what_it_no_longer_finds_is_taken_back(
    *,
    shelf: Any,
    db: Any,
    mars: Callable[..., str],
    replay: Callable[..., str],
    reader_becomes_better: Callable[[str, str], None],
) -> None:
    kept = mars({}, {"commodity": "Limes"}, {"commodity": "Pears"})
    shelf.crawl(a=kept)
    reader_becomes_better(kept, mars({"high_price": "33.00"}, {"commodity": "Kiwifruit"}, {"commodity": "Pears"}))
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE report_files SET reader_version = 0")
    told = len(price_events(db))
    assert "3 rows (1 new, 1 changed)" in replay()
    assert standing(db) == {"Avocados": "33", "Kiwifruit": "32", "Pears": "32"}
    (news,) = price_events(db)[told:]
    assert {quote["commodity"] for quote in news["quotes"]} == {"Avocados", "Kiwifruit"}
    (gone,) = news["withdrawn"]
    assert gone["date"] == "2026-01-08"
    assert db.value("SELECT count(*) FROM day_quotes") == 3
    assert "files: 0," in replay()


def test_a_correction_that_was_misread_gives_way_to_what_stood_before(
    *,
    shelf: Any,
    db: Any,
    mars: Callable[..., str],
    replay: Callable[..., str],
    reader_becomes_better: Callable[[str, str], None],
) -> None:
    wrong = mars({"high_price": "35.00"}, {"commodity": "Limes"})
    shelf.crawl(a=mars({"high_price": "32.00"}))
    shelf.crawl(a=wrong)
    reader_becomes_better(wrong, mars({"commodity": "Limes"}))
    replay(everything=True)
    assert standing(db) == {"Avocados": "32", "Limes": "32"}
    assert db.value("SELECT count(*) FROM quote_versions") == 0
    last = price_events(db)[-1]
    assert [(quote["commodity"], quote["high"]) for quote in last["quotes"]] == [("Avocados", "32.00")]


def test_a_content_that_is_lost_or_no_longer_readable_leaves_what_is_stored(
    *,
    shelf: Any,
    db: Any,
    mars: Callable[..., str],
    replay: Callable[..., str],
    reader_becomes_better: Callable[[str, str], None],
) -> None:
    lost, broken = mars({}), mars({"commodity": "Limes"})
    shelf.crawl(a=lost, b=broken)
    digest = hashlib.sha256(lost.encode()).hexdigest()
    (shelf.folder / digest[:2] / digest).unlink()
    reader_becomes_better(broken, "<html>")
    assert "not in USDA_RAW_DIR any more: 1" in replay(everything=True, code=1)
    assert standing(db) == {"Avocados": "32", "Limes": "32"}
    reasons = [row["reason"] for row in db.rows("SELECT reason FROM crawl_problems ORDER BY problem_id")]
    assert reasons[0] == "not read anew: its bytes are not in USDA_RAW_DIR any more"
    assert reasons[1].startswith("not read anew: ")


def test_one_file_by_its_name(shelf: Any, mars: Callable[..., str], replay: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}), b=mars({"commodity": "Limes"}))
    assert "done: files: 1," in replay("b.csv")
    assert "done: files: 0," in replay("c.csv")


def test_replay_takes_turns_with_crawls(shelf: Any, db: Any, replay: Callable[..., str]) -> None:
    with crawls.single_flight(db.engine):
        assert "another crawl is running" in replay(code=75)

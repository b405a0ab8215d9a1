"""A file that ends every crawl that reads it: tried twice, then left alone, and the files behind it are stored."""

import signal
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.service import database
from mercadito_events.service.database import DatabaseSettings, create_engine
from mercadito_events.testing import wait_until
from outcome import files, problems
from sqlalchemy import Engine, make_url, text
from usda_ingest.errors import FileRefused
from usda_ingest.reading.report_file import MAX_ROWS, ReportFile
from usda_ingest.storing import crawls, tries
from usda_ingest.storing.files import Validators
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.raw_files import RawFiles

IDLE_MS, LONGER_S = 1_500, 2.2
DIGEST = "ab" * 32
# A cluster's crawl may have 384 MiB, of which a crawl without any file takes 100.
GOODS, ROOM_BYTES = 1_500, 284 * 1024 * 1024


@pytest.fixture
def heavy(mars: Callable[..., str]) -> bytes:
    """A file that is large enough for its tries to be counted."""
    rows = ({"item_size": f"{size}s", "reporter_comment": "x" * 3_900} for size in range(1_200))
    body = mars(*rows).encode()
    assert len(body) > tries.HEAVY_TEXT_BYTES
    return body


@pytest.fixture
def engine(db: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Connections that may be idle in a transaction for less time than usual."""
    monkeypatch.setattr(database, "IDLE_IN_TRANSACTION_TIMEOUT_MS", IDLE_MS)
    made = create_engine(DatabaseSettings(make_url(db.urls.app_url)), pool_size=4, application_name="heavy")
    yield made
    made.dispose()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (tries.HEAVY_TEXT_BYTES + 1))
    return path


def intake(engine: Engine, folder: Path) -> Intake:
    crawl_id = uuid.uuid4()
    with engine.begin() as connection:
        crawls.begin(connection, crawl_id, source="http://usda.test/", cause="operator")
    return Intake(engine, RawFiles(folder), crawl_id, date(2026, 11, 21))


class Killed(BaseException):
    """Stands for the end of the process: nobody catches it."""


def killed_in(engine: Engine, path: Path, crawl_id: uuid.UUID) -> None:
    with suppress(Killed), tries.counted(engine, path, DIGEST, crawl_id):
        raise Killed


def test_a_file_that_is_read_for_longer_than_a_session_may_be_idle_is_stored(
    *, engine: Engine, db: Any, tmp_path: Path, mars: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ReportFile.rows
    sessions = "FROM pg_stat_activity WHERE application_name = 'heavy' AND state = 'idle in transaction'"

    def has_waited() -> bool:
        """Say whether the session has done nothing for that long, or is gone."""
        idle_s = db.value(f"SELECT extract(epoch FROM clock_timestamp() - min(state_change)) {sessions}")
        return idle_s is None or idle_s > LONGER_S

    def slowly(file: ReportFile) -> Iterator[Any]:
        wait_until(has_waited)
        yield from read(file)

    taking = intake(engine, tmp_path)
    monkeypatch.setattr(ReportFile, "rows", slowly)
    taking.take("http://usda.test/a.csv", "a.csv", mars({}).encode(), Validators(), download_ms=1)
    assert files(db)["a.csv"]["state"] == "stored"


def test_a_file_that_has_ended_two_crawls_is_refused_by_the_next_and_those_behind_it_are_stored(
    *, crawl: Any, db: Any, site: Any, heavy: bytes, mars: Callable[..., str]
) -> None:
    site.page("/", "heavy.csv", "behind.csv")
    site.file("/heavy.csv", heavy)
    site.file("/behind.csv", mars({"commodity": "Limes"}).encode())
    for number in (1, 2):
        with db.engine.begin() as busy:  # nothing can be stored, so that the crawl does not get through in time
            busy.execute(text("LOCK TABLE quotes"))
            process = crawl.start("--wait-s", "20")
            wait_until(lambda number=number: db.value("SELECT max(tries) FROM reading_tries") == number, 60)
            process.signal(signal.SIGKILL)
            process.wait()
    last = crawl.start("--wait-s", "20")
    assert last.wait() == 0, last.output.read_text()
    states = {name: (file["state"], file["reason"]) for name, file in files(db).items()}
    assert states == {"heavy.csv": ("refused", tries.TOO_HEAVY), "behind.csv": ("stored", None)}
    assert [problem["reason"] for problem in problems(db)] == [tries.TOO_HEAVY]


def test_a_large_file_that_is_stored_or_refused_leaves_no_try_behind(
    *, shelf: Any, db: Any, heavy: bytes, mars: Callable[..., str]
) -> None:
    shelf.crawl(good=heavy, bad=heavy + b'"', small=mars({}))
    assert {name: file["state"] for name, file in files(db).items()} == {
        "good.csv": "stored",
        "bad.csv": "refused",
        "small.csv": "stored",
    }
    assert db.value("SELECT count(*) FROM reading_tries") == 0


def test_what_was_given_up_stays_so_under_every_address_until_somebody_asks_for_it(
    *, shelf: Any, db: Any, heavy: bytes
) -> None:
    shelf.crawl(a=heavy)
    with db.engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO reading_tries (sha256, reader_version, tries, crawl_id, server_began_at)
                SELECT sha256, reader_version, 2, last_crawl_id, 'epoch' FROM report_files
            """)
        )
        connection.execute(text("UPDATE reading_tries SET server_began_at = pg_postmaster_start_time()"))
    shelf.crawl(b=heavy)
    shelf.crawl(c=heavy)
    assert {name: file["state"] for name, file in files(db).items()} == {
        "a.csv": "stored",
        "b.csv": "refused",
        "c.csv": "refused",
    }


def test_a_try_that_our_own_stop_or_another_start_of_the_database_ended_does_not_count(db: Any, large: Path) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    for excused in range(tries.MAX_TRIES + 2):
        killed_in(db.engine, large, first)
        with db.engine.begin() as connection:
            if excused % 2:
                tries.excuse(connection, second)
                tries.excuse(connection, first)
            else:
                connection.execute(text("UPDATE reading_tries SET server_began_at = 'epoch'"))
    killed_in(db.engine, large, first)
    killed_in(db.engine, large, first)
    with pytest.raises(FileRefused), tries.counted(db.engine, large, DIGEST, first):
        pass
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE reading_tries SET server_began_at = 'epoch'"))
    with pytest.raises(FileRefused), tries.counted(db.engine, large, DIGEST, first):
        pass
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE reading_tries SET reader_version = reader_version - 1"))
    with tries.counted(db.engine, large, DIGEST, first):
        pass


def test_as_many_rows_as_a_file_may_have_fit_into_the_memory_of_a_crawl_when_all_are_corrected(
    shelf: Any, mars: Callable[..., str]
) -> None:
    def body(rows: int, low: int) -> str:
        told = ((number // GOODS, number % GOODS) for number in range(rows))
        return mars(
            *(
                {"item_size": f"{good}s", "report_date": f"01/0{1 + day}/2026", "low_price": f"{low + good % 8}"}
                for day, good in told
            )
        )

    def most(rows: int) -> int:
        shelf.crawl(a=body(rows, 11))
        later = body(rows, 12)
        tracemalloc.start()
        shelf.crawl(a=later)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few, many = (most(rows) for rows in (GOODS, 3 * GOODS))
    assert (many - few) / (2 * GOODS) * MAX_ROWS + few <= ROOM_BYTES

"""Reading what is kept anew, the oldest first: one crawl in the record, without a word to any server."""

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text

from usda_ingest.errors import CrawlFailed
from usda_ingest.settings import CrawlSettings
from usda_ingest.storing import crawl_sources, crawls, tries
from usda_ingest.storing.crawl_sources import Counts
from usda_ingest.storing.files import READER_VERSION, Content, Validators
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.raw_files import RawFiles

SOURCE = "replay"
PAGE_CONTENTS = 200
_log = structlog.get_logger(__name__)

_KEPT = """
    SELECT file_id, url, name, sha256, bytes, etag, last_modified FROM report_files
    WHERE sha256 <> '' AND state <> 'not fetched'
"""
_IN_ORDER = "ORDER BY stored_order NULLS FIRST, stored_at, file_id"
_CONTENTS = text(f"""
    {_KEPT}
      AND (CASE WHEN cardinality(CAST(:names AS text[])) = 0 THEN reader_version < :below
           ELSE name = ANY(:names) OR file_id::text = ANY(:names) OR sha256 = ANY(:names) END)
    {_IN_ORDER}
""")
# The ones that a crawl reads anew by itself; those whose bytes are lost are passed over, so it goes page by page.
_READ_BY_OLDER = text(f"{_KEPT} AND reader_version < :version {_IN_ORDER} LIMIT :limit OFFSET :passed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contents: those of the names, ids or hashes; else what an older reader has read, or everything."""

    names: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    crawl_id: uuid.UUID
    contents: int
    lost: int
    """Contents whose bytes are not in the raw folder any more."""


def replay(
    engine: Engine, settings: CrawlSettings, wanted: Wanted, show: Callable[[int, int], None], stop: Event
) -> Replayed:
    """Read the wanted contents anew; each is one transaction, so it can be stopped after any and begun again.

    Args:
        engine: the database.
        settings: where the bytes are, and by which day they are judged.
        wanted: which contents.
        show: is told how many of how many are done.
        stop: ends it after the content under way.

    Raises:
        CrawlBusy: a crawl is running.
        CrawlFailed: it was stopped; what was done stays, and needs no second time.

    """
    with crawls.single_flight(engine):
        crawl_id = uuid.uuid4()
        with engine.begin() as connection:
            crawls.begin(connection, crawl_id, source=SOURCE, cause=SOURCE)
            contents = _contents(connection, wanted)
            if wanted.names:
                tries.forget(connection, (row.sha256 for row in contents))
            crawl_sources.add(connection, crawl_id, SOURCE, Counts(planned=len(contents)))
        intake = Intake(
            engine, RawFiles(settings.raw_dir), crawl_id, settings.market_day(), commodities=settings.commodities
        )
        lost = 0
        for number, row in enumerate(contents, 1):
            if stop.is_set():
                with engine.begin() as connection:
                    crawls.fail(connection, crawl_id, crawls.STOPPED)
                raise CrawlFailed(crawls.STOPPED)
            lost += 0 if intake.read_again(row.file_id, _content(row), source=SOURCE) else 1
            show(number, len(contents))
        with engine.begin() as connection:
            crawls.finish(connection, crawl_id)
        return Replayed(crawl_id, len(contents), lost)


def read_anew(engine: Engine, intake: Intake, raw_files: RawFiles, go_on: Callable[[], bool]) -> None:
    """Within a crawl that runs, read anew what an older reader has read, as much as there is time for.

    Bytes that are lost are none of a crawl's business: who asks for the links again, or the command, says it.

    Args:
        engine: the database.
        intake: of the crawl.
        raw_files: where the bytes are.
        go_on: is asked before each content.

    """
    lost = read = 0
    waiting: deque[Row[Any]] = deque()
    while go_on():
        waiting = waiting or deque(_read_by_older(engine, lost))
        if not waiting:
            break
        row = waiting.popleft()
        if raw_files.find(row.sha256) is None:
            lost += 1
            continue
        intake.planned(1, source=SOURCE)
        intake.read_again(row.file_id, _content(row), source=SOURCE)
        read += 1
    if read:
        intake.source_finished(SOURCE)
    if read or lost:
        _log.info("contents_read_anew", read=read, lost=lost)


def _read_by_older(engine: Engine, lost: int) -> Sequence[Row[Any]]:
    """Return the next ones; those that were lost stay the first in order, and what was read is none any more."""
    values = {"version": READER_VERSION, "limit": PAGE_CONTENTS, "passed": lost}
    with engine.connect() as connection:
        return connection.execute(_READ_BY_OLDER, values).all()


def _content(row: Row[Any]) -> Content:
    return Content(row.url, row.name, row.sha256, row.bytes, Validators(row.etag, row.last_modified))


def _contents(connection: Connection, wanted: Wanted) -> Sequence[Row[Any]]:
    below = READER_VERSION + 1 if wanted.everything else READER_VERSION
    return connection.execute(_CONTENTS, {"names": list(wanted.names), "below": below}).all()

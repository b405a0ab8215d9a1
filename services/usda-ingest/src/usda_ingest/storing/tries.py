"""Contents that are large enough to end the crawl that reads them: who begins to read one says so first.

A process that dies of a file can't say so, and the next crawl would meet the same file again, for ever. So the try is
written down before, in a transaction of its own, and taken off when the file is done with, whatever came of it.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError

from usda_ingest.errors import FileRefused
from usda_ingest.reading.raw_text import is_longer_than
from usda_ingest.storing.files import READER_VERSION

# What has fewer bytes of text fits into the memory and the time that a crawl has, however it is made.
HEAVY_TEXT_BYTES = 4 * 1024 * 1024
MAX_TRIES = 2
KEPT_DAYS = 90
TOO_HEAVY = (
    f"not read: {MAX_TRIES} crawls ended while they read it, for want of memory or time;"
    " `usda-ingest replay --file` tries it again"
)

# A server that has crashed may forget the mark: then it has also been started since, and the try does not count.
_UNSYNCED = text("SET LOCAL synchronous_commit = off")
_BEGIN = text("""
    INSERT INTO reading_tries AS t (sha256, reader_version, tries, crawl_id, server_began_at)
    VALUES (:sha256, :version, 1, :crawl_id, pg_postmaster_start_time())
    ON CONFLICT (sha256) DO UPDATE
    SET tries = CASE WHEN t.reader_version <> excluded.reader_version THEN 1
                     WHEN t.tries > :most THEN t.tries
                     WHEN t.server_began_at <> excluded.server_began_at THEN greatest(t.tries, 1)
                     ELSE t.tries + 1 END,
        reader_version = excluded.reader_version, crawl_id = excluded.crawl_id,
        server_began_at = excluded.server_began_at, begun_at = clock_timestamp()
    RETURNING tries
""")
_FORGET = text("DELETE FROM reading_tries WHERE sha256 = ANY(:contents)")
_FORGET_OLD = text("DELETE FROM reading_tries WHERE begun_at < clock_timestamp() - make_interval(days => :days)")
_EXCUSE = text("UPDATE reading_tries SET tries = tries - 1 WHERE crawl_id = :crawl_id AND tries BETWEEN 1 AND :most")


@contextmanager
def counted(engine: Engine, path: Path, sha256: str, crawl_id: uuid.UUID) -> Iterator[None]:
    """Read a content within this; if it is a large one, errors that end the crawl leave the try counted.

    Raises:
        FileRefused: so many crawls have ended while they read it that this one leaves it alone.

    """
    if not is_longer_than(path, HEAVY_TEXT_BYTES):
        yield
        return
    values = {"sha256": sha256, "version": READER_VERSION, "crawl_id": crawl_id, "most": MAX_TRIES}
    with engine.begin() as connection:
        connection.execute(_UNSYNCED)
        connection.execute(_FORGET_OLD, {"days": KEPT_DAYS})
        tries = connection.scalar(_BEGIN, values)
    if tries > MAX_TRIES:
        raise FileRefused(TOO_HEAVY)
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        _done_with(engine, sha256)
        raise
    _done_with(engine, sha256)


def _done_with(engine: Engine, sha256: str) -> None:
    with engine.begin() as connection:
        connection.execute(_UNSYNCED)
        forget(connection, [sha256])


def forget(connection: Connection, contents: Iterable[str]) -> None:
    """Let these contents, by their digests, be read as if nobody had tried."""
    connection.execute(_FORGET, {"contents": list(contents)})


def excuse(connection: Connection, crawl_id: uuid.UUID) -> None:
    """Let the crawl's last try not count: it was ended by us, not by what it read."""
    connection.execute(_EXCUSE, {"crawl_id": crawl_id, "most": MAX_TRIES})

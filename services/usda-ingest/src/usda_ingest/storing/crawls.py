"""The record of crawls: one at a time, each with its state, counts and problems."""

import uuid
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, Engine, RowMapping, text

from usda_ingest.announcing.announcements import crawl_failed, crawl_progressed
from usda_ingest.errors import CrawlBusy, CrawlSuperseded
from usda_ingest.reading.values import storable
from usda_ingest.sources.window import Window
from usda_ingest.storing import crawl_sources
from usda_ingest.storing.accounting import Accounting
from usda_ingest.storing.crawl_sources import Counts
from usda_ingest.storing.single_flight import held

MAX_PROBLEMS = 1_000
MAX_REASON_CHARS = 500
KEPT_CRAWLS = 1_000
INTERRUPTED = "interrupted: its process ended before it did"
STOPPED = "stopped"
OUT_OF_TIME = "the crawl took longer than USDA_CRAWL_DEADLINE_S"
# Reasons of crawls that did well as far as they came; what they took in need not be asked for again.
CUT_SHORT = (INTERRUPTED, STOPPED, OUT_OF_TIME)
_LOCK = 0x75736461  # "usda"; advisory locks are per database
_log = structlog.get_logger(__name__)

_COUNTS = tuple(Accounting().columns())
_PUBLIC = (
    "crawl_id, source, cause, state, requested_at, started_at, finished_at, reason, pages, files, files_stored,"
    " files_unchanged, files_refused, files_without_prices, problems, download_ms, store_ms, " + ", ".join(_COUNTS)
)
# How many answers are to be taken in, as far as is known; null before anything is.
FILES_TOTAL = """
    (SELECT nullif(sum(greatest(s.planned, s.done)), 0)::integer FROM crawl_sources s
     WHERE s.crawl_id = crawls.crawl_id) AS files_total
"""

# A key of 64 bits is listed in two halves.
_IS_HELD = text("""
    SELECT EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = :lock AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
""")
_REQUEST = text("""
    INSERT INTO crawls (crawl_id, source, cause, state, window_from, window_to)
    VALUES (:id, :source, :cause, 'requested', :first_on, :last_on)
""")
_BEGIN = text("""
    INSERT INTO crawls (crawl_id, source, cause, state, started_at, window_from, window_to)
    VALUES (:id, :source, :cause, 'running', clock_timestamp(), :first_on, :last_on)
    ON CONFLICT (crawl_id) DO UPDATE SET state = 'running', started_at = excluded.started_at
    WHERE crawls.state = 'requested'
""")


@dataclass(frozen=True, slots=True)
class Took:
    """How long a file took to come, and to be stored."""

    download_ms: int
    store_ms: int


def single_flight(engine: Engine) -> AbstractContextManager[None]:
    """Hold the lock of who crawls; see ``held``.

    Raises:
        CrawlBusy: another crawl has it.

    """
    return held(engine, _LOCK, CrawlBusy("another crawl is running"))


def is_running(connection: Connection) -> bool:
    """Say whether some process crawls right now; without touching the lock, which a crawl may be about to take."""
    return bool(connection.scalar(_IS_HELD, {"lock": _LOCK}))


def request(connection: Connection, *, source: str, cause: str, window: Window | None = None) -> uuid.UUID:
    """Note that a crawl is to be; return its id."""
    crawl_id = uuid.uuid4()
    connection.execute(_REQUEST, {"id": crawl_id, "source": source, "cause": cause, **_days(window)})
    return crawl_id


def begin(
    connection: Connection, crawl_id: uuid.UUID, *, source: str, cause: str, window: Window | None = None
) -> None:
    """Mark the crawl as running, close what died before it, forget the oldest; call it with the lock held."""
    stale = text("SELECT crawl_id FROM crawls WHERE state IN ('running', 'requested') AND crawl_id <> :id FOR UPDATE")
    for other in connection.execute(stale, {"id": crawl_id}).scalars().all():
        fail(connection, other, INTERRUPTED)
    values = {"id": crawl_id, "source": source, "cause": cause, **_days(window)}
    if not connection.execute(_BEGIN, values).rowcount:
        raise CrawlSuperseded("this crawl is over already")
    old = "SELECT crawl_id FROM crawls ORDER BY requested_at DESC, crawl_id DESC OFFSET :kept"
    connection.execute(text(f"DELETE FROM crawls WHERE crawl_id IN ({old})"), {"kept": KEPT_CRAWLS})  # noqa: S608 - constants
    enqueue(connection, crawl_progressed(_row(connection, crawl_id), "started"))


def check_running(connection: Connection, crawl_id: uuid.UUID) -> None:
    """Lock the crawl's row for this transaction.

    Raises:
        CrawlSuperseded: it is over; whoever closed it holds the lock, so nothing more may be written for it.

    """
    statement = text("SELECT FROM crawls WHERE crawl_id = :id AND state = 'running' FOR UPDATE")
    if connection.execute(statement, {"id": crawl_id}).one_or_none() is None:
        raise CrawlSuperseded("another crawl has closed this one")


def add_page(connection: Connection, crawl_id: uuid.UUID) -> None:
    """Count a page that was read for links."""
    connection.execute(text("UPDATE crawls SET pages = pages + 1 WHERE crawl_id = :id"), {"id": crawl_id})


def add_download(connection: Connection, crawl_id: uuid.UUID, download_ms: int) -> None:
    """Add the time that an answer took of which nothing else is told."""
    statement = text("UPDATE crawls SET download_ms = download_ms + :took WHERE crawl_id = :id")
    connection.execute(statement, {"id": crawl_id, "took": download_ms})


def add_file(
    connection: Connection, crawl_id: uuid.UUID, outcome: str, account: Accounting, *, source: str, took: Took
) -> None:
    """Add a file to the crawl's counts; ``outcome`` is stored, unchanged, refused or without_prices."""
    sums = ", ".join(f"{name} = {name} + :{name}" for name in _COUNTS)
    statement = f"""
        UPDATE crawls SET files = files + 1, files_{outcome} = files_{outcome} + 1, {sums},
               download_ms = download_ms + :download_ms, store_ms = store_ms + :store_ms
        WHERE crawl_id = :id
    """  # noqa: S608 - three literals and our own column names
    connection.execute(text(statement), {"id": crawl_id, **account.columns(), **asdict(took)})
    crawl_sources.add(connection, crawl_id, source, Counts(done=1, files=1, rows=account.rows_read))


def add_problem(
    connection: Connection, crawl_id: uuid.UUID, url: str, reason: str, line: int | None = None, *, source: str
) -> None:
    """Note what went wrong; beyond 1,000 problems of a crawl they are only counted."""
    crawl_sources.add(connection, crawl_id, source, Counts(problems=1))
    counted = text("UPDATE crawls SET problems = problems + 1 WHERE crawl_id = :id RETURNING problems")
    if connection.execute(counted, {"id": crawl_id}).scalar_one() > MAX_PROBLEMS:
        return
    statement = text("INSERT INTO crawl_problems (crawl_id, url, line, reason) VALUES (:id, :url, :line, :reason)")
    values = {"url": storable(url), "line": line, "reason": storable(reason[:MAX_REASON_CHARS])}
    connection.execute(statement, {"id": crawl_id, **values})


def announce_progress(connection: Connection, crawl_id: uuid.UUID) -> None:
    """Tell how far the crawl is, as the transaction's last statement."""
    enqueue(connection, crawl_progressed(_row(connection, crawl_id), "running"))


def finish(connection: Connection, crawl_id: uuid.UUID) -> None:
    """Close a crawl that saw everything; its event follows every price event of it, because its files are committed."""
    check_running(connection, crawl_id)
    crawl_sources.close(connection, crawl_id, source=None, reason=None)
    statement = "UPDATE crawls SET state = 'finished', finished_at = clock_timestamp() WHERE crawl_id = :id"
    connection.execute(text(statement), {"id": crawl_id})
    enqueue(connection, crawl_progressed(_row(connection, crawl_id), "finished"))


def fail(connection: Connection, crawl_id: uuid.UUID, reason: str) -> bool:
    """Close a crawl that ended early; return whether it was open until now."""
    statement = """
        UPDATE crawls SET state = 'failed', finished_at = clock_timestamp(), reason = :reason
        WHERE crawl_id = :id AND state IN ('requested', 'running')
    """
    if not connection.execute(text(statement), {"id": crawl_id, "reason": reason[:MAX_REASON_CHARS]}).rowcount:
        return False
    crawl_sources.close(connection, crawl_id, source=None, reason=reason)
    _log.warning("crawl_failed", crawl_id=str(crawl_id), reason=reason)
    enqueue(connection, crawl_failed(_row(connection, crawl_id), reason))
    return True


def find(connection: Connection, crawl_id: uuid.UUID) -> RowMapping | None:
    """Return the crawl's row."""
    statement = text(f"SELECT {_PUBLIC}, {FILES_TOTAL} FROM crawls WHERE crawl_id = :id")  # noqa: S608 - constants
    return connection.execute(statement, {"id": crawl_id}).mappings().one_or_none()


def _days(window: Window | None) -> dict[str, Any]:
    return {"first_on": window and window.first_on, "last_on": window and window.last_on}


def _row(connection: Connection, crawl_id: uuid.UUID) -> RowMapping:
    found = find(connection, crawl_id)
    if found is None:
        raise CrawlSuperseded("the crawl is forgotten")
    return found

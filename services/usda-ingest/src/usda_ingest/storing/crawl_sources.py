"""The lines of a crawl's record: what each source was asked, what it brought, and how it ended."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import Connection, text

MAX_REASON_CHARS = 500

_EXPECT = text("INSERT INTO crawl_sources (crawl_id, source) VALUES (:id, :source) ON CONFLICT DO NOTHING")
_START = text("""
    INSERT INTO crawl_sources (crawl_id, source, state, started_at) VALUES (:id, :source, 'running', clock_timestamp())
    ON CONFLICT (crawl_id, source) DO UPDATE
    SET state = 'running', started_at = coalesce(crawl_sources.started_at, excluded.started_at)
    WHERE crawl_sources.state = 'waiting'
""")
_CLOSE = text("""
    UPDATE crawl_sources
    SET state = CASE WHEN CAST(:reason AS text) IS NULL THEN 'finished' ELSE 'failed' END, reason = :reason,
        finished_at = clock_timestamp()
    WHERE crawl_id = :id AND source = coalesce(:source, source) AND state IN ('waiting', 'running')
""")


@dataclass(frozen=True, slots=True)
class Counts:
    """What is added to a source's line."""

    planned: int = 0
    done: int = 0
    files: int = 0
    rows: int = 0
    problems: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0


_NAMES = tuple(asdict(Counts()))
_ADD = text(f"""
    INSERT INTO crawl_sources (crawl_id, source, state, started_at, {", ".join(_NAMES)})
    VALUES (:id, :source, 'running', clock_timestamp(), {", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (crawl_id, source) DO UPDATE SET {", ".join(f"{n} = crawl_sources.{n} + excluded.{n}" for n in _NAMES)}
""")  # noqa: S608 - our own column names


def expect(connection: Connection, crawl_id: UUID, sources: Iterable[str]) -> None:
    """Note which sources the crawl is to ask."""
    for source in sources:
        connection.execute(_EXPECT, {"id": crawl_id, "source": source})


def start(connection: Connection, crawl_id: UUID, source: str) -> None:
    """Note that the source is being asked from now on."""
    connection.execute(_START, {"id": crawl_id, "source": source})


def add(connection: Connection, crawl_id: UUID, source: str, counts: Counts) -> None:
    """Add to the source's counts; a source that nobody expected gets its line now."""
    connection.execute(_ADD, {"id": crawl_id, "source": source, **asdict(counts)})


def close(connection: Connection, crawl_id: UUID, source: str | None, reason: str | None) -> None:
    """Note that the source is done with, None: every one still open; ``reason`` says why it was not seen whole."""
    values = {"id": crawl_id, "source": source, "reason": reason and reason[:MAX_REASON_CHARS]}
    connection.execute(_CLOSE, values)


def failed(connection: Connection, crawl_id: UUID) -> set[str]:
    """Return the sources that could not be seen whole in this crawl."""
    return _in_state(connection, crawl_id, "failed")


def finished(connection: Connection, crawl_id: UUID) -> set[str]:
    """Return the sources that were seen whole in this crawl."""
    return _in_state(connection, crawl_id, "finished")


def _in_state(connection: Connection, crawl_id: UUID, state: str) -> set[str]:
    statement = text("SELECT source FROM crawl_sources WHERE crawl_id = :id AND state = :state")
    return set(connection.scalars(statement, {"id": crawl_id, "state": state}))

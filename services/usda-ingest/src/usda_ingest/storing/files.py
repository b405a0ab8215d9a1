"""The record of files: what was served under a link, and the account of its rows. One row per link and content."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from usda_ingest.storing.accounting import Accounting

# Raised whenever rows would be read differently: files are then read again although their bytes are the same.
READER_VERSION = 2

# The report of a file that holds more than one.
SEVERAL = "several"
STORED, REFUSED, NO_PRICES, NOT_FETCHED = "stored", "refused", "not a price report", "not fetched"


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server gave to ask with, next time, whether anything has changed."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a link served: the bytes by their digest (empty: never got whole), with the server's validators."""

    url: str
    name: str
    sha256: str = ""
    size: int = 0
    validators: Validators = field(default_factory=Validators)


@dataclass(frozen=True, slots=True)
class Known:
    """The content that a link served last."""

    file_id: uuid.UUID
    sha256: str
    validators: Validators
    state: str
    reason: str | None
    line: int | None
    account: Accounting
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a content."""

    state: str
    reason: str | None = None
    line: int | None = None
    format: str | None = None
    report_id: str | None = None
    market: str | None = None
    first_on: date | None = None
    last_on: date | None = None
    account: Accounting = field(default_factory=Accounting)
    content_key: str | None = None


_COUNTS = ", ".join(Accounting().columns())
_CURRENT = text(f"""
    SELECT file_id, sha256, etag, last_modified, state, reason, line, last_seen_at, {_COUNTS} FROM report_files
    WHERE url = :url AND current AND reader_version = :version AND sha256 <> ''
""")  # noqa: S608 - constants only
_RETIRE = text("UPDATE report_files SET current = false WHERE url = :url AND current AND sha256 <> :sha256")
_OPEN = text("""
    INSERT INTO report_files (file_id, url, name, sha256, bytes, etag, last_modified, reader_version, current, state,
                              last_crawl_id)
    VALUES (:file_id, :url, :name, :sha256, :size, :etag, :last_modified, :version, :sha256 <> '', 'not fetched',
            :crawl_id)
    ON CONFLICT (url, sha256) DO UPDATE
    SET etag = excluded.etag, last_modified = excluded.last_modified, reader_version = excluded.reader_version,
        current = excluded.current, last_crawl_id = excluded.last_crawl_id, last_seen_at = clock_timestamp(),
        stored_at = clock_timestamp()
    RETURNING file_id
""")
_CLOSE = text(f"""
    UPDATE report_files SET state = :state, reason = :reason, line = :line, format = :format, report_id = :report_id,
           market = :market, first_on = :first_on, last_on = :last_on, content_key = :content_key,
           stored_order = CASE WHEN :state = 'stored' THEN nextval('report_files_stored') END,
           {", ".join(f"{name} = :{name}" for name in Accounting().columns())}
    WHERE file_id = :file_id
""")  # noqa: S608 - constants only
# As long as nothing of its report was stored after it, a file says what stands. What an older version of this service
# has stored has no number; then the clock must do.
_SAYS_WHAT_STANDS = text(f"""
    SELECT format, report_id, market, first_on, last_on, {_COUNTS} FROM report_files f
    WHERE content_key = :content_key AND reader_version = :version AND state = 'stored'
      AND rows_quarantined = 0 AND report_id IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM report_files later
          WHERE later.state = 'stored' AND later.file_id <> f.file_id
            AND (later.report_id = f.report_id OR '{SEVERAL}' IN (later.report_id, f.report_id))
            AND coalesce(later.stored_order > f.stored_order, later.stored_at >= f.stored_at)
      )
    LIMIT 1
""")  # noqa: S608 - constants only
_SEEN = text("""
    UPDATE report_files SET last_seen_at = clock_timestamp(), last_crawl_id = :crawl_id,
           etag = coalesce(:etag, etag), last_modified = coalesce(:last_modified, last_modified)
    WHERE file_id = :file_id RETURNING url
""")
# A note that the link could not be fetched is answered by having fetched it.
_FETCHED = text("DELETE FROM report_files WHERE url = :url AND sha256 = ''")


def current(connection: Connection, url: str) -> Known | None:
    """Return what the link served last, if today's reader has read it; else None, and it is to be read (again)."""
    row = connection.execute(_CURRENT, {"url": url, "version": READER_VERSION}).mappings().one_or_none()
    if row is None:
        return None
    account = Accounting(**{name: row[name] for name in Accounting().columns()})
    plain = {name: row[name] for name in ("file_id", "sha256", "state", "reason", "line", "last_seen_at")}
    return Known(**plain, validators=Validators(row["etag"], row["last_modified"]), account=account)


def says_what_stands(connection: Connection, content_key: str) -> Finding | None:
    """Return the account of a content that would change nothing: a file with it was the last one of its report.

    None if a row of it was quarantined: one for being too far ahead of its day may be good by now.
    """
    values = {"content_key": content_key, "version": READER_VERSION}
    row = connection.execute(_SAYS_WHAT_STANDS, values).mappings().one_or_none()
    if row is None:
        return None
    plain = {name: row[name] for name in ("format", "report_id", "market", "first_on", "last_on")}
    account = Accounting(**{name: row[name] for name in Accounting().columns()}).seen_again()
    return Finding(STORED, **plain, account=account, content_key=content_key)


def open_file(connection: Connection, content: Content, crawl_id: uuid.UUID) -> uuid.UUID:
    """Make this content the link's current one; return its id, under which rows are stored next.

    A content that was never got whole takes nothing's place: what the link served before stays current.
    """
    if content.sha256:
        connection.execute(_RETIRE, {"url": content.url, "sha256": content.sha256})
        connection.execute(_FETCHED, {"url": content.url})
    values: dict[str, Any] = {
        "file_id": uuid.uuid4(),
        "url": content.url,
        "name": content.name,
        "sha256": content.sha256,
        "size": content.size,
        "etag": content.validators.etag,
        "last_modified": content.validators.last_modified,
        "version": READER_VERSION,
        "crawl_id": crawl_id,
    }
    file_id: uuid.UUID = connection.execute(_OPEN, values).scalar_one()
    connection.execute(text("DELETE FROM quarantined_rows WHERE file_id = :id"), {"id": file_id})
    return file_id


def read_by_older(connection: Connection, url: str, sha256: str) -> uuid.UUID | None:
    """Return the file, if this is what the link served last, and an older reader has stored it."""
    statement = text("""
        SELECT file_id FROM report_files
        WHERE url = :url AND sha256 = :sha256 AND current AND state = 'stored' AND reader_version < :version
    """)
    found: uuid.UUID | None = connection.scalar(statement, {"url": url, "sha256": sha256, "version": READER_VERSION})
    return found


def leave_unread(connection: Connection, file_id: uuid.UUID, problem: str) -> bool:
    """Note that today's reader can't read a kept content; return whether anything is stored of it, which stays."""
    statement = text("""
        UPDATE report_files
        SET reader_version = :version, reason = CASE WHEN state = 'stored' THEN :problem ELSE reason END
        WHERE file_id = :id RETURNING state
    """)
    values = {"id": file_id, "version": READER_VERSION, "problem": problem}
    return bool(connection.scalar(statement, values) == STORED)


def reopen(connection: Connection, file_id: uuid.UUID) -> int | None:
    """Make ready to read a content anew; return its place among all contents, which ``keep_place`` gives back."""
    connection.execute(text("DELETE FROM quarantined_rows WHERE file_id = :id"), {"id": file_id})
    statement = "UPDATE report_files SET reader_version = :version WHERE file_id = :id RETURNING stored_order"
    place: int | None = connection.scalar(text(statement), {"id": file_id, "version": READER_VERSION})
    return place


def keep_place(connection: Connection, file_id: uuid.UUID, place: int | None) -> None:
    """Let a content that was read anew be as old as it was."""
    statement = "UPDATE report_files SET stored_order = :place WHERE file_id = :id"
    connection.execute(text(statement), {"id": file_id, "place": place})


def close_file(connection: Connection, file_id: uuid.UUID, finding: Finding) -> None:
    """Write down what came of the content."""
    values: Mapping[str, Any] = {
        "file_id": file_id,
        "state": finding.state,
        "reason": finding.reason,
        "line": finding.line,
        "format": finding.format,
        "report_id": finding.report_id,
        "market": finding.market,
        "first_on": finding.first_on,
        "last_on": finding.last_on,
        "content_key": finding.content_key,
        **finding.account.columns(),
    }
    connection.execute(_CLOSE, values)


def seen_again(connection: Connection, file_id: uuid.UUID, crawl_id: uuid.UUID, validators: Validators) -> None:
    """Note that the link still serves the same, perhaps with new validators."""
    given = {"etag": validators.etag, "last_modified": validators.last_modified}
    values = {"file_id": file_id, "crawl_id": crawl_id, **given}
    connection.execute(_FETCHED, {"url": connection.execute(_SEEN, values).scalar_one()})

"""What the API asks about crawls and files."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

SHOWN_PROBLEMS = 20

_REPORTS = """
    SELECT * FROM report_files {where} ORDER BY stored_at DESC, file_id DESC LIMIT :limit
"""
_CRAWLS = """
    SELECT c.*, (SELECT coalesce(json_agg(json_build_object('url', p.url, 'line', p.line, 'reason', p.reason)
                                          ORDER BY p.problem_id), '[]')
                 FROM (SELECT * FROM crawl_problems WHERE crawl_id = c.crawl_id
                       ORDER BY problem_id LIMIT :problems) p) AS shown_problems,
           (SELECT coalesce(json_agg(to_jsonb(s) - 'crawl_id' ORDER BY s.source), '[]')
            FROM crawl_sources s WHERE s.crawl_id = c.crawl_id) AS sources
    FROM crawls c {where} ORDER BY c.requested_at DESC, c.crawl_id DESC LIMIT :limit
"""
_QUARANTINE = text("""
    SELECT f.name, q.line, q.reason, q.raw FROM quarantined_rows q JOIN report_files f USING (file_id)
    WHERE q.file_id = :file_id AND q.line > :after ORDER BY q.line LIMIT :limit
""")
_MARKETS = text("""
    SELECT DISTINCT ON (report_id) report_id, market FROM report_files
    WHERE report_id = ANY(:reports) AND market IS NOT NULL ORDER BY report_id, stored_at DESC
""")
_FILE = text("SELECT 1 FROM report_files WHERE file_id = :file_id")


def reports(connection: Connection, *, after: Sequence[Any] | None, limit: int) -> Sequence[Row[Any]]:
    """Return files, the one read last first; one more than ``limit`` if there are more."""
    where, values = ("WHERE (stored_at, file_id) < (:at, :id)", {"at": after[0], "id": after[1]}) if after else ("", {})
    return connection.execute(text(_REPORTS.format(where=where)), {**values, "limit": limit + 1}).all()


def crawls(connection: Connection, *, after: Sequence[Any] | None, limit: int) -> Sequence[Row[Any]]:
    """Return crawls, newest first; one more than ``limit`` if there are more."""
    where = "WHERE (c.requested_at, c.crawl_id) < (:at, :id)" if after else ""
    values = {"at": after[0], "id": after[1]} if after else {}
    return _crawls(connection, where, values, limit=limit + 1, problems=SHOWN_PROBLEMS)


def crawl(connection: Connection, crawl_id: uuid.UUID, *, problems: int) -> Row[Any] | None:
    """Return one crawl with up to so many of its problems."""
    found = _crawls(connection, "WHERE c.crawl_id = :id", {"id": crawl_id}, limit=1, problems=problems)
    return found[0] if found else None


def has_file(connection: Connection, file_id: uuid.UUID) -> bool:
    """Say whether the file is known."""
    return connection.execute(_FILE, {"file_id": file_id}).one_or_none() is not None


def quarantined(connection: Connection, file_id: uuid.UUID, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return rows of a file that could not be read; one more than ``limit`` if there are more."""
    return connection.execute(_QUARANTINE, {"file_id": file_id, "after": after, "limit": limit + 1}).all()


def markets(connection: Connection, reports: Sequence[str]) -> dict[str, str]:
    """Return the market of each report of which a file is stored."""
    return {row.report_id: row.market for row in connection.execute(_MARKETS, {"reports": list(reports)})}


def _crawls(
    connection: Connection, where: str, values: dict[str, Any], *, limit: int, problems: int
) -> Sequence[Row[Any]]:
    statement = text(_CRAWLS.format(where=where))
    return connection.execute(statement, {**values, "limit": limit, "problems": problems}).all()

"""``/api/v1/prices/reports``: the account of every file, and the rows that could not be read."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import Engine

from usda_ingest.api import answers, crawl_queries
from usda_ingest.api.paging import DEFAULT_LIMIT, decode, page, row_id
from usda_ingest.api.parameters import After, Limit
from usda_ingest.api.problems import Problem

_PROBLEM = {"model": answers.ProblemBody}
_REPORT = (
    *("file_id", "url", "bytes", "state", "reason", "line", "current", "format", "report_id", "market"),
    *("first_seen_at", "stored_at", "last_seen_at", "last_crawl_id"),
)


def routes(engine: Engine) -> APIRouter:
    """Return the routes; each answers from one read of the database."""
    router = APIRouter(prefix="/api/v1/prices", tags=["crawls"])

    @router.get("/reports", response_model=answers.ReportPage)
    def reports(request: Request, limit: Limit = DEFAULT_LIMIT, after: After = None) -> dict[str, Any]:
        """Page through the files with the account of each; the one read last comes first."""
        cursor = decode(request, after, datetime.fromisoformat, UUID)
        with engine.connect() as connection:
            rows = crawl_queries.reports(connection, after=cursor, limit=limit)
        return page(request, rows, limit, _report, lambda row: [row.stored_at.isoformat(), str(row.file_id)])

    @router.get("/reports/{file_id}/quarantine", response_model=answers.QuarantinePage, responses={404: _PROBLEM})
    def quarantine(
        request: Request, file_id: UUID, limit: Limit = DEFAULT_LIMIT, after: After = None
    ) -> dict[str, Any]:
        """Page through the rows of a file that could not be read, with line and reason."""
        cursor = decode(request, after, row_id)
        with engine.connect() as connection:
            if not crawl_queries.has_file(connection, file_id):
                raise Problem(404, "not-found", "No such file.")
            rows = crawl_queries.quarantined(connection, file_id, after=cursor[0] if cursor else 0, limit=limit)
        return page(request, rows, limit, _quarantined, lambda row: [str(row.line)])

    return router


def account(row: Any) -> dict[str, int]:
    """Return the account of a file or a crawl."""
    return {
        "rows_read": row.rows_read,
        "new": row.rows_new,
        "changed": row.rows_changed,
        "unchanged": row.rows_unchanged,
        "exact_doubles": row.exact_doubles,
        "quarantined": row.rows_quarantined,
        "header_rows": row.header_rows,
    }


def _report(row: Any) -> dict[str, Any]:
    renamed = {"file": row.name, "sha256": row.sha256 or None, "first_date": row.first_on, "last_date": row.last_on}
    return {**{name: getattr(row, name) for name in _REPORT}, **renamed, **account(row)}


def _quarantined(row: Any) -> dict[str, Any]:
    return {"file": row.name, "line": row.line, "reason": row.reason, "raw": row.raw}

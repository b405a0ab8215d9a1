"""What a crawl left in the database."""

from typing import Any


def account(file: dict[str, Any]) -> list[int]:
    names = ("rows_read", "rows_new", "rows_changed", "rows_unchanged", "exact_doubles", "rows_quarantined")
    return [file[name] for name in names]


def files(db: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in db.rows("SELECT * FROM report_files")}


def last_crawl(db: Any) -> dict[str, Any]:
    return db.rows("SELECT * FROM crawls ORDER BY requested_at DESC LIMIT 1")[0]  # type: ignore[no-any-return]


def problems(db: Any) -> list[dict[str, Any]]:
    """Return what went wrong on the way; that an awaited report has not come is the schedule's to say."""
    own = "reason NOT LIKE 'no report %'"
    return db.rows(f"SELECT url, line, reason FROM crawl_problems WHERE {own} ORDER BY problem_id")  # type: ignore[no-any-return]

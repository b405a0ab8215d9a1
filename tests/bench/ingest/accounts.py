"""Every row of every real file accounted for: stored as a crawl does, one file after the other, then all once more."""

from dataclasses import dataclass

from tests.bench.figures import Report
from tests.bench.ingest.hall import Hall

_PARTS = ("rows_new", "rows_changed", "rows_unchanged", "exact_doubles", "rows_quarantined")
_COLUMNS = ("file", "rows", "new", "changed", "unchanged", "doubles", "quarantined", "header rows")


@dataclass(frozen=True)
class Accounts:
    """Which files, by their folders' patterns."""

    patterns: tuple[str, ...] = ("legacy/*.csv*", "mars/23*.csv.gz")


def measure(report: Report, hall: Hall, plan: Accounts) -> None:
    """Print the account of each file; an account that does not add up, or a second time that changes any, is a miss."""
    files = sorted(file for pattern in plan.patterns for file in hall.files.glob(pattern))
    first = hall.act("accounts", *files)["accounts"]
    again = hall.act("accounts", *files)["accounts"]
    report.notes.append(f"{_COLUMNS[0]:50} " + " ".join(f"{name:>11}" for name in _COLUMNS[1:]))
    for account in first:
        cells = [account["rows_read"], *(account[part] for part in _PARTS), account["header_rows"]]
        report.notes.append(f"{account['name']:50} " + " ".join(f"{cell:>11,}" for cell in cells))
    off = [account for account in first if sum(account[part] for part in _PARTS) != account["rows_read"]]
    rows = sum(account["rows_read"] for account in first)
    report.must(f"{len(first)} real files, {rows:,} rows: accounts that do not add up", "", len(off), at_most=0)
    stored = sum(account["rows_new"] + account["rows_changed"] for account in again)
    report.must("  the same files again: rows new or changed", "", stored, at_most=0)

"""How fast a file is stored: beside a bare COPY of its rows, beside pandas, and when its rows are known already."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figures import Report
from tests.bench.ingest import peer
from tests.bench.ingest.hall import Hall

LEAST_OF_COPY_PERCENT = 25
LEAST_OF_PANDAS_PERCENT = 200
LEAST_WHEN_KNOWN = 3.0
MOST_MEMORY_MB = 200
_FINGERPRINT = " UNION ALL ".join(
    f"SELECT count(*), max(xmin::text::bigint) FROM {table}"
    for table in ("quotes", "quote_versions", "series", "day_quotes")
)


@dataclass(frozen=True)
class Storing:
    """Which file, and how often it is stored into an empty database; the middle of the rounds counts."""

    file: str = "legacy/allcities_2021-06-22_2021-06-29.csv.gz"
    rounds: int = 3


def measure(report: Report, hall: Hall, plan: Storing) -> None:
    """Store the file, copy its rows, store it again; then let pandas do what it can."""
    file = hall.files / plan.file
    rounds = [_round(hall, file) for _ in range(plan.rounds)]
    middle = {name: median(one[name] for one in rounds) for name in rounds[0]}
    rows = middle["rows"]
    ours, copied = rows / middle["first_s"], middle["copied_rows"] / middle["copy_s"]
    report.add(f"{rows:,.0f} rows stored, first byte to commit", "rows/s", ours, copied, "bare COPY, same indexes")
    report.must("  of COPY's rate", "%", 100 * ours / copied, at_least=LEAST_OF_COPY_PERCENT)
    if peer.installed():
        theirs = rows / median(peer.store(hall, file) for _ in range(plan.rounds))
        report.must(
            "  of the rate of pandas.read_csv and to_sql", "%", 100 * ours / theirs, at_least=LEAST_OF_PANDAS_PERCENT
        )
    report.must("  peak memory of the process, Scrapy loaded", "MB", middle["peak_mb"], at_most=MOST_MEMORY_MB)
    report.add("  process start, shown apart", "s", middle["start_s"])
    for what, name in (("same link, same bytes", "same_s"), ("other link, packed otherwise", "other_s")):
        times = middle["first_s"] / middle[name]
        report.must(f"the same rows again: {what}, times faster", "", times, at_least=LEAST_WHEN_KNOWN)
    times = middle["first_s"] / middle["reworded_s"]
    report.add("the same rows again: other link, other text (read and compared), times faster", "", times)
    report.must("the same rows again: rows written", "", middle["written"], at_most=0)


def _round(hall: Hall, file: Path) -> dict[str, float]:
    hall.empty()
    first = hall.act("store", file, "first")
    copied = _copy(hall)
    hall.rest()
    before = hall.psql(_FINGERPRINT)
    same = hall.act("store", file, "same", "other", "reworded")
    written = hall.psql(_FINGERPRINT) != before
    return {**_numbers(first), **copied, **_numbers(same), "written": _stored(same) + written}


def _numbers(said: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in said.items() if name != "accounts"}


def _stored(said: dict[str, Any]) -> int:
    return sum(account["rows_new"] + account["rows_changed"] for account in said["accounts"])


def _copy(hall: Hall) -> dict[str, float]:
    """Copy the stored rows once more into their table, after it was emptied: the floor of all storing."""
    rows = hall.folder / "quotes.copy"
    hall.act("copy", rows, "out")
    hall.psql("TRUNCATE quotes CASCADE")
    hall.rest()
    said = hall.act("copy", rows, "in")
    return {"copied_rows": said["rows"], "copy_s": said["took_s"]}

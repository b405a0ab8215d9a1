import io
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest
from usda_ingest.crawling.backfill import Step
from usda_ingest.crawling.progress_bar import ProgressBar
from usda_ingest.sources.window import Window

MONTH = Window(date(2025, 12, 1), date(2025, 12, 31))
CRAWL: Any = {
    "files": 3,
    "files_total": 4,
    "rows_read": 12_480,
    "rows_new": 12_000,
    "rows_changed": 2,
    "problems": 1,
    "started_at": datetime(2026, 1, 8, 12, 0, 0, tzinfo=UTC),
    "finished_at": datetime(2026, 1, 8, 12, 0, 35, tzinfo=UTC),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


STEPS = [
    Step(MONTH, 1, 4),
    Step(MONTH, 1, 4, cast("Any", {**CRAWL, "files": 0, "files_total": None})),
    Step(MONTH, 1, 4, CRAWL),
    Step(MONTH, 2, 4, CRAWL, is_over=True),
    Step(MONTH, 3, 4, None, is_over=True),
]


def test_where_there_is_no_terminal_each_window_is_a_plain_line() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    for step in STEPS:
        bar.show(step)
    bar.close("done")
    assert stream.getvalue().splitlines() == [
        "[2/4] 2025-12-01..2025-12-31: 3 files, 12,480 rows (12,000 new, 2 changed), 1 problem, 35 s",
        "[3/4] 2025-12-01..2025-12-31: stored already",
        "done",
    ]
    assert bar.sums() == "12,480 rows (12,000 new, 2 changed), 1 problem"


def test_in_a_terminal_a_bar_moves_by_what_is_done_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    bar = ProgressBar(stream)
    for step in STEPS:
        bar.show(step)
    drawn = [line for line in stream.getvalue().split("\r\x1b[2K") if "█" in line]
    assert [line.count("█") for line in drawn] == [6, 6, 10, 12, 18]
    assert drawn[0].endswith(" 25%  2025-12-01..2025-12-31: waiting to begin")
    assert "looking for files" in drawn[1]
    assert "44%  2025-12-01..2025-12-31: 3 of 4 files, 12,480 rows, 1 problem" in drawn[2]
    monkeypatch.setenv("COLUMNS", "40")
    bar.show(STEPS[2])
    assert len(stream.getvalue().rsplit("\r\x1b[2K", 1)[1]) == 39

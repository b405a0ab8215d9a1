"""A backfill's progress in words: a bar that moves in a terminal, a line for each window elsewhere."""

import shutil
from typing import TextIO

from usda_ingest.crawling.backfill import Step

BAR_CHARS = 24
_CLEAR = "\r\x1b[2K"


class ProgressBar:
    """Writes steps to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_terminal = stream, stream.isatty()
        self._rows = self._new = self._changed = self._problems = 0

    def show(self, step: Step) -> None:
        """Show where the backfill is."""
        if step.is_over:
            self._add(step)
            self._write_line(over_text(step))
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(_CLEAR + running_text(step)[:width])
            self._stream.flush()

    def sums(self) -> str:
        """Return what all windows have brought."""
        rows = f"{self._rows:,} rows ({self._new:,} new, {self._changed:,} changed)"
        return f"{rows}, {counted(self._problems, 'problem')}"

    def close(self, text: str) -> None:
        """Leave the last word."""
        self._write_line(text)

    def _add(self, step: Step) -> None:
        if step.crawl is not None:
            self._rows += step.crawl["rows_read"]
            self._new += step.crawl["rows_new"]
            self._changed += step.crawl["rows_changed"]
            self._problems += step.crawl["problems"]

    def _write_line(self, text: str) -> None:
        self._stream.write((_CLEAR if self._is_terminal else "") + text + "\n")
        self._stream.flush()


def counted(number: int, what: str) -> str:
    """Return a number with what it counts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def over_text(step: Step) -> str:
    """Return the line of a window that is done with."""
    place = f"[{step.windows_done}/{step.windows}] {step.window}"
    crawl = step.crawl
    if crawl is None:
        return f"{place}: stored already"
    seconds = (crawl["finished_at"] - crawl["started_at"]).total_seconds()
    rows = f"{crawl['rows_read']:,} rows ({crawl['rows_new']:,} new, {crawl['rows_changed']:,} changed)"
    return f"{place}: {crawl['files']:,} files, {rows}, {counted(crawl['problems'], 'problem')}, {seconds:.0f} s"


def running_text(step: Step) -> str:
    """Return the line of a window that is being fetched: how much of all windows is done, then how far this one is."""
    crawl = step.crawl
    done, total = (crawl["files"], crawl["files_total"] or 0) if crawl is not None and not step.is_over else (0, 0)
    share = (step.windows_done + (done / total if total else 0)) / step.windows
    filled = int(share * BAR_CHARS)
    bar = "█" * filled + "░" * (BAR_CHARS - filled)
    if step.is_over:
        return f"{bar} {share:4.0%}"
    if crawl is None:
        return f"{bar} {share:4.0%}  {step.window}: waiting to begin"
    known = f"{done:,} of {total:,} files" if total else "looking for files"
    found = f"{crawl['rows_read']:,} rows, {counted(crawl['problems'], 'problem')}"
    return f"{bar} {share:4.0%}  {step.window}: {known}, {found}"

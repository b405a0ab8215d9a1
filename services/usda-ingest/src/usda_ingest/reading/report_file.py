"""A downloaded file: is it a price report, and what does each of its rows say? Read from disk, bounded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from usda_ingest.errors import FileRefused, RowProblem
from usda_ingest.reading.commodity_names import commodity_from_name
from usda_ingest.reading.containers.delimited import DelimitedText
from usda_ingest.reading.containers.table import MAX_COLUMNS, Table
from usda_ingest.reading.formats.layout import Context
from usda_ingest.reading.formats.recognition import recognise
from usda_ingest.reading.formats.row_reader import RowReader
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.raw_text import RawText
from usda_ingest.reading.values import fold

MAX_ROWS = 1_000_000
MAX_KEPT_CHARS = 2_000
DETAILS_SECTION = "report details"
_SECTION = "_section"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that could not be read, with its own text (cut at 2,000 characters) for whoever looks into it."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class OtherSection:
    """A row of a section without quotes: MARS files repeat each report's narrative in ``Report Header`` rows."""

    line: int


class ReportFile:
    """A file found to be a price report.

    Args:
        path: the raw bytes, gzip or plain.
        name: the file name of its link; some exports name their commodity only there.
        today: a quote over a week after it is a mistake.

    Raises:
        NotAPriceReport: a readable table without price columns.
        FileRefused: no table, not text, empty, truncated, too large, or without the columns a price needs.

    """

    def __init__(self, path: Path, name: str, today: date) -> None:
        text = RawText(path)
        if text.start.startswith(b"<"):
            raise FileRefused("HTML or XML, not CSV", 1)
        self._table: Table = DelimitedText(text)
        header = self._table.header
        if not any(column.strip() for column in header):
            raise FileRefused("the file is empty")
        if len(header) > MAX_COLUMNS:
            raise FileRefused(f"more than {MAX_COLUMNS} columns", 1)
        self.format, names = recognise(header)
        self._width = len(names)
        self._section = names.index(_SECTION) if _SECTION in names else None
        self._reader = RowReader(self.format, names, Context(today, commodity_from_name(name)))

    def rows(self) -> Iterator[Quote | Quarantined | OtherSection]:
        """Yield what each row says, in the file's order.

        Raises:
            FileRefused: the file can't be read to its end, or has no rows; what was yielded must not be kept.

        """
        count = 0
        for line, fields in self._table.records():
            count += 1
            if count > MAX_ROWS:
                raise FileRefused(f"more than {MAX_ROWS} rows", line)
            yield self._read(line, fields)
        if not count:
            raise FileRefused("no rows below the header", 1)

    def _read(self, line: int, fields: list[str]) -> Quote | Quarantined | OtherSection:
        try:
            self._check_width(fields)
            if self._section is not None and fold(fields[self._section]) != DETAILS_SECTION:
                return OtherSection(line)
            return self._reader.read(line, fields)
        except RowProblem as problem:
            return Quarantined(line, problem.reason, _kept(fields))

    def _check_width(self, fields: list[str]) -> None:
        if len(fields) != self._width:
            raise RowProblem(f"{len(fields)} fields instead of {self._width}")


def _kept(fields: list[str]) -> str:
    """Return the row for the record; NUL, which PostgreSQL can't hold, is shown as its symbol."""
    return ",".join(fields)[:MAX_KEPT_CHARS].replace("\x00", "␀")

"""A downloaded file: is it a price report, and what does each of its rows say? Read from disk, bounded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path

from usda_ingest.errors import FileRefused, RowProblem
from usda_ingest.reading.commodity_names import ONLY_FROM_NAMES, CommodityNames
from usda_ingest.reading.containers.detection import open_table
from usda_ingest.reading.containers.table import MAX_COLUMNS, Malformed
from usda_ingest.reading.formats.layout import Context
from usda_ingest.reading.formats.recognition import has_prices, is_report_header, recognise
from usda_ingest.reading.formats.row_reader import RowReader
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.raw_text import RawText
from usda_ingest.reading.report_header import HeaderReader, ReportDay
from usda_ingest.reading.values import EARLIEST_DAY, FUTURE_TOLERANCE, fold, storable

# As many as fit into a crawl's memory (384 MiB in a cluster) when each of them corrects one that stands.
MAX_ROWS = 150_000
MAX_KEPT_CHARS = 2_000
DETAILS_SECTION, HEADER_SECTION = "report details", "report header"
_SECTION = "_section"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that could not be read, with its own text (cut at 2,000 characters) for whoever looks into it."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class OtherSection:
    """A row of a section without quotes; a ``Report Header`` row also tells of its report's day."""

    line: int
    report: ReportDay | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """What staff should know although nothing was refused for it; ``line`` is where to look."""

    text: str
    line: int | None = None


class ReportFile:
    """A file found to be a price report.

    Args:
        path: the raw bytes, gzip or plain.
        name: the file name of its link; some exports name their commodity only there.
        today: a quote over a week after it is a mistake.
        commodities: what is known of file names beyond ``US-<commodity>.csv``.
        last_modified: the server's header of that name; one format has no day of its own.

    Raises:
        NotAPriceReport: a readable table without price columns.
        FileRefused: no table, not text, empty, truncated, too large, or without the columns a price needs.

    """

    def __init__(
        self,
        path: Path,
        name: str,
        today: date,
        *,
        commodities: CommodityNames = ONLY_FROM_NAMES,
        last_modified: str | None = None,
    ) -> None:
        content = RawText(path)
        self._table = open_table(content, is_report_header)
        header = self._table.header
        if not any(column.strip() for column in header):
            raise FileRefused("the file is empty")
        if len(header) > MAX_COLUMNS:
            raise FileRefused(f"more than {MAX_COLUMNS} columns", 1)
        self.format, names = recognise(header)
        has_quotes = has_prices(self.format, names)
        self._width = len(names)
        self._section = names.index(_SECTION) if _SECTION in names else None
        self._headers = HeaderReader(names, today)
        context = Context(today, commodities.of(name), _day_of(last_modified, today))
        if has_quotes and last_modified and not self.format.day and context.published_on is None:
            raise FileRefused(f"its rows name no day, and Last-Modified is none to go by: {last_modified[:40]!r}")
        self._reader = RowReader(self.format, names, context) if has_quotes else None
        self._bad_headers: list[Remark] = []
        told = f"{context.commodity} {'' if self.format.day else context.published_on}"
        self.content_key = sha256(f"{content.digest} {told}".encode()).hexdigest()
        """Files with the same key have the same rows, but for those too far ahead of their day."""

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

    def remarks(self) -> Sequence[Remark]:
        """Return the remarks; complete once all rows were read."""
        return [*map(Remark, self._table.remarks), *self._bad_headers]

    def wide_quotes(self) -> Sequence[Quote]:
        """Return quotes with a range of more than half its middle, the first 1,000; complete as above."""
        return self._reader.wide if self._reader is not None else ()

    def _read(self, line: int, fields: list[str]) -> Quote | Quarantined | OtherSection:
        try:
            self._check(fields)
            if self._section is not None and (section := fold(fields[self._section])) != DETAILS_SECTION:
                return OtherSection(line, self._report_day(line, fields) if section == HEADER_SECTION else None)
            return self._quote(line, fields)
        except RowProblem as problem:
            return Quarantined(line, problem.reason, _kept(fields))

    def _quote(self, line: int, fields: list[str]) -> Quote:
        if self._reader is None:
            raise RowProblem("the file has no price columns")
        return self._reader.read(line, fields)

    def _check(self, fields: list[str]) -> None:
        if isinstance(fields, Malformed):
            raise RowProblem(fields.reason)
        if len(fields) != self._width:
            raise RowProblem(f"{len(fields)} fields instead of {self._width}")

    def _report_day(self, line: int, fields: list[str]) -> ReportDay | None:
        try:
            return self._headers.read(fields)
        except RowProblem as problem:
            if not self._bad_headers:
                self._bad_headers.append(Remark(f"a report header can't be read: {problem.reason}", line))
            return None


def _day_of(last_modified: str | None, today: date) -> date | None:
    """Return the day, unless it can't be one on which prices were published: servers also send 1970."""
    try:
        day = parsedate_to_datetime(last_modified or "").date()
    except (ValueError, OverflowError):
        return None
    return day if EARLIEST_DAY <= day <= today + FUTURE_TOLERANCE else None


def _kept(fields: list[str]) -> str:
    """Return the row for the record."""
    return storable(",".join(fields)[:MAX_KEPT_CHARS])

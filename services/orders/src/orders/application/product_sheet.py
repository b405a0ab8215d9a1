"""The file that products come and go in: CSV as spreadsheets write it, read with care, written without traps."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orders.application.product_text import COLUMNS
from orders.domain.product import Fault, Rule

MAX_SHEET_BYTES = 8_000_000
MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_VALUE_SHOWN = 80
_DELIMITERS = (",", ";", "\t")
_DELIMITER_SAID = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
# A spreadsheet takes such a cell for a formula. An apostrophe in front makes it text, for Excel and for us; what begins
# with one already gets another, so that reading takes back exactly what was written.
_FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_TEXT_COLUMNS = frozenset({"name", "name_es", "category", "pack"})


@dataclass(frozen=True, slots=True)
class SheetFault:
    """What is wrong in one cell, or with the file (no column); `value` is what stands there, cut short."""

    line: int
    column: str
    value: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class SheetRow:
    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a file; with `faults` they are incomplete or none."""

    rows: tuple[SheetRow, ...] = ()
    faults: tuple[SheetFault, ...] = ()


class _Broken(ValueError):
    def __init__(self, line: int, rule: Rule, *, column: str = "", bound: str = "") -> None:
        super().__init__(rule.value)
        self.fault = SheetFault(line, column, "", Fault(column or "file", rule, bound))


def read_sheet(body: bytes) -> Sheet:
    """Read a file: UTF-8 (with or without BOM) or UTF-16; comma, semicolon or tab; blank lines do not count."""
    try:
        text = _decoded(body)
        delimiter, skipped, rest = _delimiter(text)
        return _rows(_records(rest, delimiter, skipped))
    except _Broken as broken:
        return Sheet(faults=(broken.fault,))


def write_sheet(rows: Iterable[Mapping[str, str]], *, with_bom: bool) -> Iterator[str]:
    """Write products as `read_sheet` takes them, with CRLF; Excel needs the BOM to see that it is UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff" if with_bom else "")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_neutral(column, row.get(column, "")) for column in COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _neutral(column: str, cell: str) -> str:
    return f"'{cell}" if column in _TEXT_COLUMNS and _FORMULA.match(cell) else cell


def _plain(column: str, cell: str) -> str:
    return cell[1:] if column in _TEXT_COLUMNS and _NEUTRALISED.match(cell) else cell


def _decoded(body: bytes) -> str:
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise _Broken(body[: error.start].count(b"\n") + 1, Rule.NOT_UTF8) from error
    if not text.strip():
        raise _Broken(1, Rule.EMPTY_FILE)
    return text


def _delimiter(text: str) -> tuple[str, int, str]:
    """Tell what parts the cells, how many lines that took, and the text from there; Excel may say it (`sep=;`)."""
    said = _DELIMITER_SAID.match(text)
    if said:
        return said[1], 1, text[said.end() :]
    header = re.sub(r'"[^"]*"', "", next((line for line in text.splitlines() if line.strip()), ""))
    return max(_DELIMITERS, key=header.count), 0, text


def _records(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank with the line it begins at."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1 + skipped
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _Broken(line, Rule.BROKEN_QUOTES) from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _rows(records: Iterator[tuple[int, list[str]]]) -> Sheet:
    line, header = next(records, (1, []))
    if not header:
        raise _Broken(line, Rule.EMPTY_FILE)
    columns, faults = _columns(line, header)
    if faults:
        return Sheet(faults=faults)
    rows: list[SheetRow] = []
    spare: list[SheetFault] = []
    for number, cells in records:
        if len(rows) == MAX_ROWS:
            raise _Broken(number, Rule.TOO_MANY_ROWS, bound=f"{MAX_ROWS:,}")
        extra = next((cell for cell in cells[len(columns) :] if cell.strip()), None)
        if extra is not None:
            spare.append(SheetFault(number, "", extra[:MAX_VALUE_SHOWN], Fault("file", Rule.TOO_MANY_CELLS)))
        named = zip(columns, cells, strict=False)
        rows.append(SheetRow(number, {column: _plain(column, cell) for column, cell in named if column}))
    if not rows:
        raise _Broken(line, Rule.EMPTY_FILE)
    return Sheet(tuple(rows), tuple(spare))


def _columns(line: int, header: Sequence[str]) -> tuple[tuple[str, ...], tuple[SheetFault, ...]]:
    """Read the header: order and case are free, an unknown name is refused, for its values would be lost."""
    if len(header) > MAX_COLUMNS:
        raise _Broken(line, Rule.TOO_MANY_CELLS)
    columns = tuple(re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in header)
    faults = [
        SheetFault(
            line, name[:MAX_VALUE_SHOWN], name[:MAX_VALUE_SHOWN], Fault(name[:MAX_VALUE_SHOWN], Rule.UNKNOWN_COLUMN)
        )
        for name in columns
        if name and name not in COLUMNS
    ]
    twice = {name for name in columns if name and columns.count(name) > 1}
    faults += [SheetFault(line, name, name, Fault(name, Rule.COLUMN_TWICE)) for name in sorted(twice)]
    if not faults and "id" not in columns and not {"name", "pack"} <= set(columns):
        missing = "name" if "name" not in columns else "pack"
        faults.append(SheetFault(line, missing, "", Fault(missing, Rule.COLUMN_MISSING)))
    return columns, tuple(faults)

"""A downloaded file: is it a price report, and what does each of its rows say? Read from disk, bounded."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, cast

from usda_ingest.errors import FileRefused, NotAPriceReport, RowProblem
from usda_ingest.reading.formats import Context, Format, commodity_from_name, is_other_section, recognise
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.values import fold

MAX_TEXT_BYTES = 256 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_KEPT_CHARS = 2_000
_CHUNK_BYTES = 1024 * 1024
_SNIFF_BYTES = 4_096
_GZIP = b"\x1f\x8b"


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
        NotAPriceReport: a readable CSV without price columns.
        FileRefused: not a CSV, not text, empty, truncated, too large, or without the columns a price needs.

    """

    def __init__(self, path: Path, name: str, today: date) -> None:
        self._path = path
        self._context = Context(today, commodity_from_name(name))
        self._encoding = _check_bytes(path)
        header = next(self._records(), (1, []))[1]
        if _is_blank(header):
            raise FileRefused("the file is empty")
        self._names = [fold(column) for column in header]
        self.format: Format = recognise(header)

    def rows(self) -> Iterator[Quote | Quarantined | OtherSection]:
        """Yield what each row says, in the file's order.

        Raises:
            FileRefused: the file can't be read to its end, or has no rows; what was yielded must not be kept.

        """
        records = self._records()
        next(records)
        count = 0
        for line, fields in records:
            if not fields:
                continue
            count += 1
            if count > MAX_ROWS:
                raise FileRefused(f"more than {MAX_ROWS} rows", line)
            yield self._read(line, fields)
        if not count:
            raise FileRefused("no rows below the header", 1)

    def _read(self, line: int, fields: list[str]) -> Quote | Quarantined | OtherSection:
        try:
            row = self._named(fields)
            if is_other_section(row):
                return OtherSection(line)
            return self.format.read(row, line, self._context)
        except RowProblem as problem:
            return Quarantined(line, problem.reason, _kept(fields))

    def _named(self, fields: list[str]) -> Mapping[str, str]:
        if len(fields) != len(self._names):
            raise RowProblem(f"{len(fields)} fields instead of {len(self._names)}")
        return dict(zip(self._names, fields, strict=True))

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each record with the physical line it starts on; quoted line breaks make those differ."""
        with _opened(self._path) as binary:
            lines = io.TextIOWrapper(binary, encoding=self._encoding, newline="")
            # strict: an open quote at the end would otherwise swallow the rest of the file into one field
            reader = csv.reader(lines, strict=True)
            start = 1
            try:
                for fields in reader:
                    yield start, fields
                    start = reader.line_num + 1
            except csv.Error as problem:
                raise FileRefused(f"not CSV: {problem}", start) from None


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        compressed = stream.read(len(_GZIP)) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if compressed else path.open("rb")


def _check_bytes(path: Path) -> str:
    """Read all bytes once; return the encoding they are in. Nothing that fails here was ever looked at as rows."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding, size = "utf-8-sig", 0
    try:
        with _opened(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                if size == 0:
                    _refuse_foreign(chunk[:_SNIFF_BYTES])
                size += len(chunk)
                if size > MAX_TEXT_BYTES:
                    raise FileRefused(f"more than {MAX_TEXT_BYTES} bytes of text")
                if encoding == "utf-8-sig" and not _decodes(decoder, chunk):
                    encoding = "cp1252"
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise FileRefused("the gzip data is truncated or damaged") from None
    if size == 0:
        raise FileRefused("the file is empty")
    if encoding == "utf-8-sig" and not _decodes(decoder, b"", final=True):
        encoding = "cp1252"
    if encoding == "cp1252":
        _check_cp1252(path)
    return encoding


def _refuse_foreign(start: bytes) -> None:
    stripped = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if stripped.startswith(b"<"):
        raise FileRefused("HTML or XML, not CSV", 1)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in start.split(b"\n")[0]:
        raise FileRefused("binary or UTF-16 data, not CSV", 1)


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _check_cp1252(path: Path) -> None:
    with _opened(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            try:
                chunk.decode("cp1252")
            except UnicodeDecodeError:
                raise FileRefused("the text is neither UTF-8 nor Windows-1252") from None


def _is_blank(header: list[str]) -> bool:
    return not any(name.strip() for name in header)


def _kept(fields: list[str]) -> str:
    """Return the row for the record; NUL, which PostgreSQL can't hold, is shown as its symbol."""
    return ",".join(fields)[:MAX_KEPT_CHARS].replace("\x00", "␀")


__all__ = ["MAX_ROWS", "MAX_TEXT_BYTES", "NotAPriceReport", "OtherSection", "Quarantined", "ReportFile"]

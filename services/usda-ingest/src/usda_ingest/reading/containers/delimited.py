"""CSV, strictly: what is not quoted as the standard says is refused rather than misread."""

import csv
from collections.abc import Iterator, Sequence
from typing import TextIO

from usda_ingest.errors import FileRefused
from usda_ingest.reading.containers.table import MAX_RECORD_CHARS, Record
from usda_ingest.reading.raw_text import RawText


class DelimitedText:
    """A table as comma-separated values; the position of a record is the physical line it starts on."""

    remarks: Sequence[str] = ()

    def __init__(self, text: RawText) -> None:
        self._text = text
        self.header = next(self._all(), (1, []))[1]

    def records(self) -> Iterator[Record]:
        """Yield the records below the header, blank lines left out."""
        records = self._all()
        next(records, None)
        return ((line, fields) for line, fields in records if fields)

    def _all(self) -> Iterator[Record]:
        with self._text.open() as stream:
            lines = _BoundedLines(stream)
            # strict: an open quote at the end would otherwise swallow the rest of the file into one field
            reader = csv.reader(lines, strict=True)
            start = 1
            try:
                for fields in reader:
                    yield start, fields
                    start = reader.line_num + 1
                    lines.left = MAX_RECORD_CHARS
            except csv.Error as problem:
                raise FileRefused(f"not CSV: {problem}", start) from None
            except _TooLong:
                raise FileRefused(f"a record of more than {MAX_RECORD_CHARS} characters", start) from None


class _TooLong(Exception):
    """A record went over its bound."""


class _BoundedLines:
    """Lines of a text; a record of many lines, or a line without end, ends in ``_TooLong``."""

    def __init__(self, stream: TextIO) -> None:
        self._readline = stream.readline
        self.left = MAX_RECORD_CHARS

    def __iter__(self) -> "_BoundedLines":
        return self

    def __next__(self) -> str:
        line = self._readline(self.left + 1)
        if not line:
            raise StopIteration
        self.left -= len(line)
        if self.left < 0:
            raise _TooLong
        return line

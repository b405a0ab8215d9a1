"""The table in an HTML page: what the old portal calls "excel", and what an error page served as a report is not.

Streamed: a page of any size is never held as a tree.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lxml import etree  # type: ignore[import-untyped]  # it has no types of its own

from usda_ingest.errors import FileRefused
from usda_ingest.reading.containers.table import (
    MAX_COLUMNS,
    MAX_DEPTH,
    MAX_FIELD_CHARS,
    MAX_TAGS,
    IsHeader,
    Progress,
    Record,
)
from usda_ingest.reading.raw_text import RawText

HEADER_WITHIN_ROWS = 5
SHOWN_CHARS = 120
_CHUNK_CHARS = 64 * 1024
_VOID = frozenset(["br", "hr", "img", "input", "meta", "link", "col", "area", "base", "wbr", "embed", "source"])
_UNSEEN = frozenset(["script", "style", "template", "noscript"])
_TABLE_TAG = re.compile(r"<(/?)table\b", re.IGNORECASE)
_LONGEST_TABLE_TAG = 16


class HtmlTable:
    """The first table of a page with a wanted header; the position of a record is its row's number in the table.

    Raises:
        FileRefused: there is no such table; the reason says what the page is.

    """

    remarks: Sequence[str] = ()

    def __init__(self, text: RawText, is_wanted: IsHeader) -> None:
        self._text = text
        page = _Page()
        for table, number, cells in _rows(text, page):
            if number <= HEADER_WITHIN_ROWS and is_wanted(cells):
                self._table, self._header_row, self.header = table, number, cells
                return
        raise FileRefused(f"an HTML page without a table of prices: {page.gist()}")

    def records(self) -> Iterator[Record]:
        """Yield the rows below the header."""
        for table, number, cells in _rows(self._text, _Page()):
            if table == self._table and number > self._header_row:
                yield number, cells


def _rows(text: RawText, page: "_Page") -> Iterator[tuple[int, int, list[str]]]:
    """Yield table, row and cells of all rows; refuse a page that breaks off within a table."""
    parser = etree.HTMLParser(encoding="utf-8", target=page, huge_tree=False)
    progress, is_open, tail = Progress(), 0, ""
    with text.open() as stream:
        while chunk := stream.read(_CHUNK_CHARS):
            parser.feed(chunk.encode())
            progress.check(page.events, len(chunk))
            yield from page.taken()
            tags = list(_TABLE_TAG.finditer(tail + chunk))
            is_open += sum(-1 if tag[1] else 1 for tag in tags)
            kept_from = max(tags[-1].end() if tags else 0, len(tail + chunk) - _LONGEST_TABLE_TAG)
            tail = (tail + chunk)[kept_from:]
    parser.close()
    yield from page.taken()
    if is_open > 0:
        raise FileRefused("the HTML page breaks off within a table")


@dataclass(slots=True)
class _OpenTable:
    number: int
    rows: int = 0
    cells: list[str] | None = None
    cell: list[str] | None = None
    cell_chars: int = 0


@dataclass(slots=True)
class _Page:
    """What the parser calls while it reads; rows pile up until they are taken."""

    done: list[tuple[int, int, list[str]]] = field(default_factory=list)
    tables: list[_OpenTable] = field(default_factory=list)
    count: int = 0
    depth: int = 0
    events: int = 0
    tags: set[str] = field(default_factory=set)
    unseen: int = 0
    in_title: bool = False
    title: str = ""
    words: str = ""

    def taken(self) -> list[tuple[int, int, list[str]]]:
        rows, self.done = self.done, []
        return rows

    def gist(self) -> str:
        """Return the title or the first words, for whoever wonders what the page was."""
        found = " ".join((self.title.strip() or self.words).split())
        return repr(found[:SHOWN_CHARS]) if found else "it says nothing"

    def start(self, tag: str, _attributes: object) -> None:
        self.events += 1
        self.tags.add(tag)
        if len(self.tags) > MAX_TAGS:
            raise FileRefused(f"more than {MAX_TAGS} different tags")
        if tag not in _VOID:
            self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FileRefused(f"HTML nested more than {MAX_DEPTH} deep")
        if tag in _UNSEEN:
            self.unseen += 1
        elif tag == "title":
            self.in_title = True
        elif tag == "table":
            self.count += 1
            self.tables.append(_OpenTable(self.count))
        elif self.tables:
            self._start_within(self.tables[-1], tag)

    def _start_within(self, table: _OpenTable, tag: str) -> None:
        if tag == "tr":
            self._end_row(table)
            table.cells = []
        elif tag in ("td", "th"):
            self._end_cell(table)
            if table.cells is None:
                table.cells = []
            if len(table.cells) >= MAX_COLUMNS:
                raise FileRefused(f"more than {MAX_COLUMNS} columns in row {table.rows + 1}")
            table.cell, table.cell_chars = [], 0
        elif tag == "br":
            self.data("\n")

    def end(self, tag: str) -> None:
        if tag not in _VOID:
            self.depth -= 1
        if tag in _UNSEEN:
            self.unseen -= 1
        elif tag == "title":
            self.in_title = False
        elif self.tables:
            self._end_within(self.tables[-1], tag)

    def _end_within(self, table: _OpenTable, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell(table)
        elif tag == "tr":
            self._end_row(table)
        elif tag == "table":
            self._end_row(table)
            self.tables.pop()

    def data(self, text: str) -> None:
        self.events += 1
        if self.unseen:
            return
        if self.in_title:
            self.title = (self.title + text)[:SHOWN_CHARS]
        elif len(self.words) < SHOWN_CHARS:
            self.words += f" {text.strip()}"[:SHOWN_CHARS]
        table = self.tables[-1] if self.tables else None
        if table is not None and table.cell is not None:
            table.cell_chars += len(text)
            if table.cell_chars > MAX_FIELD_CHARS:
                raise FileRefused(f"a field of more than {MAX_FIELD_CHARS} characters in row {table.rows + 1}")
            table.cell.append(text)

    def close(self) -> None:
        """Needed by the parser."""

    def _end_cell(self, table: _OpenTable) -> None:
        if table.cell is not None and table.cells is not None:
            table.cells.append("".join(table.cell))
        table.cell = None

    def _end_row(self, table: _OpenTable) -> None:
        self._end_cell(table)
        if table.cells:
            table.rows += 1
            self.done.append((table.number, table.rows, table.cells))
        table.cells = None

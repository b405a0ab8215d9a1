"""Records of an XML export: elements that hold nothing but named texts. Streamed; document types are refused.

Without a document type there are no entities but XML's five, so nothing can expand or be fetched from elsewhere.
"""

from collections.abc import Iterator, Sequence
from xml.parsers import expat

from usda_ingest.errors import FileRefused
from usda_ingest.reading.containers.table import (
    MAX_COLUMNS,
    MAX_DEPTH,
    MAX_FIELD_CHARS,
    MAX_RECORD_CHARS,
    MAX_TAGS,
    Malformed,
    Progress,
    Record,
)
from usda_ingest.reading.raw_text import RawText

_CHUNK_CHARS = 64 * 1024

Fields = list[tuple[str, str]]


class XmlRecords:
    """A table of XML records; a record's position is its place in the file, and it need not name every column."""

    remarks: Sequence[str] = ()

    def __init__(self, text: RawText) -> None:
        self._text = text
        names: dict[str, None] = {}
        for fields in _records(text):
            names.update(dict.fromkeys(name for name, _ in fields))
            if len(names) > MAX_COLUMNS:
                raise FileRefused(f"more than {MAX_COLUMNS} different fields")
        self.header = list(names)

    def records(self) -> Iterator[Record]:
        """Yield the records in the header's order of fields."""
        for position, fields in enumerate(_records(self._text), 1):
            by_name = dict(fields)
            if len(by_name) < len(fields):
                yield position, Malformed([f"{name}={value}" for name, value in fields], "a field occurs twice")
            else:
                yield position, [by_name.get(name, "") for name in self.header]


def _records(text: RawText) -> Iterator[Fields]:
    reader, progress = _Reader(), Progress()
    try:
        with text.open() as stream:
            while chunk := stream.read(_CHUNK_CHARS):
                reader.parser.Parse(chunk.encode(), False)
                progress.check(reader.events, len(chunk))
                yield from reader.taken()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as problem:
        raise FileRefused(f"not XML: {expat.ErrorString(problem.code)}", problem.lineno) from None
    yield from reader.taken()


class _Element:
    __slots__ = ("chars", "fields", "is_record", "name", "texts")

    def __init__(self, name: str) -> None:
        self.name = name
        self.texts: list[str] = []
        self.chars = 0
        self.fields: Fields = []
        self.is_record = True
        """Whether all its children are texts, as far as they have been seen."""


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate("utf-8")  # the text is decoded already, whatever its declaration says
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_document_type
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self._open: list[_Element] = []
        self._done: list[Fields] = []
        self._tags: set[str] = set()
        self.events = 0

    def taken(self) -> list[Fields]:
        done, self._done = self._done, []
        return done

    def _refuse_document_type(self, *_declaration: object) -> None:
        raise FileRefused("XML with a document type, which could define entities", self.parser.CurrentLineNumber)

    def _start(self, name: str, _attributes: object) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise FileRefused(f"XML nested more than {MAX_DEPTH} deep", self.parser.CurrentLineNumber)
        self.events += 1
        self._tags.add(name)
        if len(self._tags) > MAX_TAGS:
            raise FileRefused(f"more than {MAX_TAGS} different tags", self.parser.CurrentLineNumber)
        self._open.append(_Element(name))

    def _data(self, text: str) -> None:
        self.events += 1
        element = self._open[-1]
        element.chars += len(text)
        if element.chars > MAX_FIELD_CHARS:
            raise FileRefused(f"a text of more than {MAX_FIELD_CHARS} characters", self.parser.CurrentLineNumber)
        element.texts.append(text)

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        parent = self._open[-1] if self._open else None
        if element.fields or not element.is_record:
            if element.is_record:
                self._done.append(element.fields)
            if parent is not None:
                parent.is_record, parent.fields = False, []
        elif parent is not None and parent.is_record:
            parent.fields.append((element.name, "".join(element.texts)))
            parent.chars += element.chars
            if len(parent.fields) > MAX_COLUMNS or parent.chars > MAX_RECORD_CHARS:
                raise FileRefused("a record without end", self.parser.CurrentLineNumber)

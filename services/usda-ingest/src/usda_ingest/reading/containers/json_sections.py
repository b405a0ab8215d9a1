"""Answers of the MARS API: one section, or the list of all of them (``allSections=true``).

They become one table with every section's columns and a column ``_section``, as the flattened CSV files have it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from usda_ingest.errors import FileRefused
from usda_ingest.reading.containers.json_text import Doubled, JsonText
from usda_ingest.reading.containers.table import MAX_COLUMNS, Malformed, Record
from usda_ingest.reading.raw_text import RawText

SECTION = "_section"
MAX_SECTIONS = 100
_SHOWN_CHARS = 200


@dataclass(slots=True)
class Section:
    """What an answer says of a section, beside its results."""

    name: str = ""
    stats: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    has_results: bool = False
    rows: int = 0


class JsonSections:
    """A table of the results; the position of a record is its place among them all.

    Raises:
        FileRefused: not JSON, or no results in it; the reason has the message that came instead.

    """

    def __init__(self, text: RawText) -> None:
        self._text = text
        self._sections: list[Section] = []
        names: dict[str, None] = {}
        for _, record in _results(text, self._sections):
            if isinstance(record, dict):
                names.update(dict.fromkeys(record))
            if len(names) >= MAX_COLUMNS:
                raise FileRefused(f"more than {MAX_COLUMNS} different fields")
        if not any(section.has_results for section in self._sections):
            said = " ".join(section.message for section in self._sections if section.message)
            raise FileRefused(f"JSON without results: {said[:_SHOWN_CHARS]!r}")
        if not names:
            raise FileRefused("no rows: the results are empty")
        self._names = list(names)
        self.header = [*names, SECTION] if any(section.name for section in self._sections) else self._names
        self.remarks: Sequence[str] = [remark for section in self._sections if (remark := _cut_short(section))]

    def records(self) -> Iterator[Record]:
        """Yield the results of all sections."""
        for position, (place, record) in enumerate(_results(self._text, []), 1):
            yield position, self._fields(record, self._sections[place].name)

    def _fields(self, record: Any, section: str) -> list[str]:
        if not isinstance(record, dict):
            return Malformed([ascii(record)], "a result that is no object")
        problem = "a field occurs twice" if isinstance(record, Doubled) else ""
        fields = []
        for name in self._names:
            value = record.get(name)
            if isinstance(value, str):
                if not _is_text(value):
                    problem, value = f"{name[:40]!r} holds half a character", ascii(value)
            elif isinstance(value, dict | list):
                problem, value = f"{name[:40]!r} holds more than one value", str(value)
            else:
                value = {None: "", True: "true", False: "false"}[value]
            fields.append(value)
        if problem:
            return Malformed(fields, problem)
        return [*fields, section] if len(self.header) > len(self._names) else fields


def sections_of(stream: TextIO) -> list[Section]:
    """Return what an answer says of its sections, without holding more than one result.

    Raises:
        FileRefused: it is no answer of the API.

    """
    sections: list[Section] = []
    for _ in _results_in(stream, sections):
        pass
    return sections


def _results(text: RawText, sections: list[Section]) -> Iterator[tuple[int, Any]]:
    with text.open() as stream:
        yield from _results_in(stream, sections)


def _results_in(stream: TextIO, sections: list[Section]) -> Iterator[tuple[int, Any]]:
    """Yield the section's number and the result; note in ``sections`` what is said of them."""
    cursor = JsonText(stream)
    if cursor.peek() == "[":
        for _ in cursor.items():
            yield from _section(cursor, sections)
    else:
        yield from _section(cursor, sections)
    cursor.end()


def _section(cursor: JsonText, sections: list[Section]) -> Iterator[tuple[int, Any]]:
    if len(sections) >= MAX_SECTIONS:
        raise FileRefused(f"more than {MAX_SECTIONS} sections")
    section = Section()
    sections.append(section)
    for name in cursor.members():
        if name == "results" and cursor.peek() == "[":
            section.has_results = True
            for _ in cursor.items():
                section.rows += 1
                yield len(sections) - 1, cursor.value()
            continue
        value = cursor.value()
        if name == "reportSection" and isinstance(value, str):
            section.name = value
        elif name == "stats" and isinstance(value, dict):
            # MARS writes "returnedRows:" with its colon, and without
            section.stats = {key.rstrip(":"): number for key, number in value.items()}
        elif name in ("message", "error", "errors") and value:
            section.message = str(value)


def _cut_short(section: Section) -> str:
    returned, total = (counted(section.stats.get(name)) for name in ("returnedRows", "totalRows"))
    if returned is None or total is None or returned >= total:
        return ""
    return f"the answer holds {returned} of {total} rows of {section.name or 'its section'}"


def counted(value: Any) -> int | None:
    """Return the number that a statistic tells; None where it tells none."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None  # noqa: PLR2004


def _is_text(value: str) -> bool:
    """Say whether the text can be stored; JSON can escape one half of a pair of surrogates, which is none."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

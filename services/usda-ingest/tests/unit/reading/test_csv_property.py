"""Any table that a csv.writer writes comes back exactly, in whichever of the USDA's dialects."""

import csv
import gzip
import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from usda_ingest.reading.containers.delimited import DelimitedText
from usda_ingest.reading.raw_text import RawText

# csv.writer leaves a lone carriage return unquoted, which no reader can tell from the end of a line
CELLS = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r"), max_size=12
) | st.sampled_from(['2 1/2" min', "Peppers, Bell Type", "first\nsecond", "a\r\nb", "", " ", '"', '""', ",", "\ufeff"])
HEADERS = st.lists(st.from_regex(r"[A-Za-z_]{1,12}", fullmatch=True), min_size=2, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    header = draw(HEADERS)
    row = st.lists(CELLS, min_size=len(header), max_size=len(header))
    return [header, *draw(st.lists(row, max_size=8))]


@settings(max_examples=200, deadline=None)
@given(
    table=tables(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    has_mark=st.booleans(),
    is_zipped=st.booleans(),
    encoding=st.sampled_from(["utf-8", "cp1252"]),
)
def test_what_was_written_is_what_is_read(
    *, table: list[list[str]], line_end: str, quoting: int, has_mark: bool, is_zipped: bool, encoding: str
) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator=line_end, quoting=quoting).writerows(table)  # type: ignore[arg-type]
    text = stream.getvalue()
    body = ("\ufeff" + text).encode() if has_mark else _encoded(text, encoding)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(gzip.compress(body) if is_zipped else body)
        read = DelimitedText(RawText(path))
        assert [read.header, *(fields for _, fields in read.records())] == table
        lines = [line for line, _ in read.records()]
    starts = [1]
    for row in table:
        written = io.StringIO()
        csv.writer(written, lineterminator=line_end, quoting=quoting).writerow(row)  # type: ignore[arg-type]
        starts.append(starts[-1] + len(list(io.StringIO(written.getvalue(), newline=""))))
    assert lines == starts[1:-1]


def _encoded(text: str, encoding: str) -> bytes:
    """Return the text in Windows-1252 where it can be, and can't be taken for UTF-8; else in UTF-8."""
    try:
        body = text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode()
    try:
        body.decode()
    except UnicodeDecodeError:
        return body
    return text.encode()

"""Which container a file is in, by its first characters: names and content types are not to be relied on."""

import re

from usda_ingest.reading.containers.delimited import DelimitedText
from usda_ingest.reading.containers.html_table import HtmlTable
from usda_ingest.reading.containers.json_sections import JsonSections
from usda_ingest.reading.containers.table import IsHeader, Table
from usda_ingest.reading.containers.xml_records import XmlRecords
from usda_ingest.reading.raw_text import RawText

_COMMENT = re.compile(rb"<!--.*?(-->|\Z)", re.DOTALL)
_FIRST_TAG = re.compile(rb"<(!doctype\s+html\b|[a-z][a-z0-9:_-]*)")
_HTML_TAGS = frozenset(b"html head body title meta style script table tr div p center h1 h2 font br".split())


def open_table(text: RawText, is_wanted: IsHeader) -> Table:
    """Return the file's table; of several in an HTML page the first whose header is wanted.

    Raises:
        FileRefused: there is none.

    """
    if text.start.startswith(b"<"):
        return HtmlTable(text, is_wanted) if _is_html(text.start) else XmlRecords(text)
    if text.start.startswith((b"{", b"[")):
        return JsonSections(text)
    return DelimitedText(text)


def _is_html(start: bytes) -> bool:
    """Say whether the first tag is one of HTML's; an XML declaration may stand before either."""
    found = _FIRST_TAG.search(_COMMENT.sub(b"", start.lower()))
    return found is not None and (found[1].startswith(b"!doctype") or found[1] in _HTML_TAGS)

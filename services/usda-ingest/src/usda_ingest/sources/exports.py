"""Whether an export of the old portal holds rows at all; what they say is the reader's business."""

import re

_ROW = re.compile(rb"<td[\s>]", re.IGNORECASE)
_TABLE = re.compile(rb"<table[\s>]", re.IGNORECASE)
_TABLE_END = re.compile(rb"</table\s*>", re.IGNORECASE)
_EMPTY_XML = re.compile(rb"<\?xml[^>]*\?>\s*<(?P<root>[\w-]+)[^>]*(/>|>\s*</(?P=root)\s*>)\s*\Z")
_LEGACY_HEADER = b"Commodity Name,"


def is_empty(body: bytes) -> bool:
    """Say whether it is a whole export without rows: headers only, as out of season. When in doubt it is not empty."""
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if _EMPTY_XML.match(text):
        return True
    if _TABLE.search(text):
        return bool(_TABLE_END.search(text)) and not _ROW.search(text)
    return text.startswith(_LEGACY_HEADER) and b"\n" not in text

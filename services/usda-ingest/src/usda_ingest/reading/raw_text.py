"""The text of a downloaded file: gzip undone, its size bounded, its encoding known, before anything looks into it."""

import codecs
import gzip
import hashlib
import io
import re
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO, cast

from usda_ingest.errors import FileRefused

MAX_TEXT_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_SNIFF_BYTES = 4_096
_HELD_BYTES = 1_024
_GZIP = b"\x1f\x8b"
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an .xlsx workbook; only gzip is unpacked"),
    (b"PK\x05\x06", "a zip archive; only gzip is unpacked"),
    (b"\xd0\xcf\x11\xe0", 'an Excel workbook; the portal\'s own "excel" export is an HTML table'),
    (b"%PDF", "a PDF"),
    (_GZIP, "gzip within gzip"),
    (codecs.BOM_UTF16_LE, "binary or UTF-16 data"),
    (codecs.BOM_UTF16_BE, "binary or UTF-16 data"),
)
_XML_CHARSET = re.compile(rb"""\A\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# As browsers do, ISO-8859-1 is taken for Windows-1252, which differs only where the former has no letters.
_CHARSETS = {
    "utf-8": "utf-8-sig",
    "us-ascii": "utf-8-sig",
    "ascii": "utf-8-sig",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "iso-8859-15": "iso-8859-15",
}


class RawText:
    """A file on disk, gzip or plain, found to be text.

    Raises:
        FileRefused: empty, no text, a damaged gzip, or too large.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.start = b""
        self.digest = ""
        """SHA-256 of the unpacked bytes without the line breaks at their end: what is the same is read the same."""
        self._encoding = self._check()

    def open(self) -> TextIO:
        """Return the text from its beginning, its line ends as they are."""
        return io.TextIOWrapper(_unpacked(self._path), encoding=self._encoding, newline="")

    def _check(self) -> str:
        """Read all bytes once; return the encoding they are in."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        size, is_utf_8, digest = 0, True, _TextDigest()
        try:
            with _unpacked(self._path) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    if size == 0:
                        self.start = _sniffed(chunk[:_SNIFF_BYTES])
                    size += len(chunk)
                    if size > MAX_TEXT_BYTES:
                        raise FileRefused(f"more than {MAX_TEXT_BYTES} bytes of text")
                    is_utf_8 = is_utf_8 and _decodes(decoder, chunk)
                    digest.update(chunk)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise FileRefused("the gzip data is truncated or damaged") from None
        if size == 0:
            raise FileRefused("the file is empty")
        is_utf_8 = is_utf_8 and _decodes(decoder, b"", final=True)
        self.digest = digest.hexdigest()
        return self._declared(is_utf_8=is_utf_8)

    def _declared(self, *, is_utf_8: bool) -> str:
        """Return the charset an XML declaration names; else UTF-8 where the bytes are that, else Windows-1252."""
        found = _XML_CHARSET.match(self.start)
        if found is None:
            encoding = "utf-8-sig" if is_utf_8 else "cp1252"
        else:
            name = found[1].decode("ascii")
            encoding = _CHARSETS.get(name.lower(), "")
            if not encoding:
                raise FileRefused(f"the charset {name} is not read", 1)
        if encoding == "utf-8-sig" and not is_utf_8:
            raise FileRefused("the text is declared as UTF-8 and is not")
        if encoding != "utf-8-sig":
            self._check_single_bytes(encoding)
        return encoding

    def _check_single_bytes(self, encoding: str) -> None:
        with _unpacked(self._path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                try:
                    chunk.decode(encoding)
                except UnicodeDecodeError:
                    raise FileRefused("the text is neither UTF-8 nor Windows-1252") from None


def is_longer_than(path: Path, size: int) -> bool:
    """Say whether there are more bytes than that, unpacked; of damaged data, as far as it can be unpacked."""
    with suppress(EOFError, gzip.BadGzipFile, zlib.error), _unpacked(path) as stream:
        while size >= 0 and (chunk := stream.read(_CHUNK_BYTES)):
            size -= len(chunk)
    return size < 0


def _unpacked(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        compressed = stream.read(len(_GZIP)) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if compressed else path.open("rb")


def _sniffed(start: bytes) -> bytes:
    """Return the first bytes of the text, blanks and byte order mark aside."""
    for mark, reason in _FOREIGN:
        if start.startswith(mark):
            raise FileRefused(reason, 1)
    if b"\x00" in start.split(b"\n")[0]:
        raise FileRefused("binary or UTF-16 data", 1)
    return start.removeprefix(codecs.BOM_UTF8).lstrip()


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


class _TextDigest:
    """SHA-256 of bytes but for the line breaks at their end."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._held = b""

    def update(self, chunk: bytes) -> None:
        """Add bytes; a few line breaks are held back until it is known whether anything follows."""
        body = chunk.rstrip(b"\r\n")
        if body or len(self._held) > _HELD_BYTES:
            self._digest.update(self._held)
            self._held = b""
        self._digest.update(body)
        self._held += chunk[len(body) :]

    def hexdigest(self) -> str:
        """Return the digest of all so far."""
        return self._digest.hexdigest()

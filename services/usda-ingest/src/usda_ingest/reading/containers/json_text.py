"""JSON read value by value from a text of any length: numbers stay as they are written, doubled names are noticed."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from usda_ingest.errors import FileRefused
from usda_ingest.reading.containers.table import MAX_RECORD_CHARS

_CHUNK_CHARS = 64 * 1024
_BLANK = " \t\r\n"


class Doubled(dict[str, Any]):
    """An object that names something twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Doubled(found)


# Exact: a price is the digits that were sent, never what a binary fraction makes of them.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=str)


class JsonText:
    """A cursor in a JSON text. What is not well-formed raises ``FileRefused``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._buffer, self._at, self._is_whole = "", 0, False

    def peek(self) -> str:
        """Return the next character that is not blank; nothing at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _BLANK:
                    return self._buffer[self._at]
                self._at += 1
            if not self._fill():
                return ""

    def take(self, expected: str) -> None:
        """Step over the character."""
        found = self.peek()
        if found != expected:
            raise FileRefused(f"not JSON: {found!r} instead of {expected!r}" if found else "the JSON breaks off")
        self._at += 1

    def value(self) -> Any:
        """Return the next value, whatever it is; numbers as the text they are written in."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as problem:
                if self._fill():
                    continue
                reason = "the JSON breaks off" if problem.pos >= len(self._buffer) - 1 else f"not JSON: {problem.msg}"
                raise FileRefused(reason) from None
            except RecursionError:
                raise FileRefused("JSON nested too deeply") from None
            if end == len(self._buffer) and self._fill():
                continue  # a number may go on
            self._at = end
            return found

    def members(self) -> Iterator[str]:
        """Step through an object; after each name its value must be taken before the next."""
        self.take("{")
        seen: set[str] = set()
        while self.peek() != "}":
            if seen:
                self.take(",")
            name = self.value()
            if not isinstance(name, str) or name in seen:
                raise FileRefused(f"not JSON: {str(name)[:40]!r} is named twice or is no name")
            seen.add(name)
            self.take(":")
            yield name
        self.take("}")

    def items(self) -> Iterator[None]:
        """Step through an array; each value must be taken before the next."""
        self.take("[")
        is_first = True
        while self.peek() != "]":
            if not is_first:
                self.take(",")
            is_first = False
            yield
        self.take("]")

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.peek():
            raise FileRefused("not JSON: something follows its end")

    def _fill(self) -> bool:
        """Read on; return whether there was more."""
        if self._is_whole:
            return False
        rest = self._buffer[self._at :]
        if len(rest) > MAX_RECORD_CHARS:
            raise FileRefused(f"a JSON value of more than {MAX_RECORD_CHARS} characters")
        chunk = self._stream.read(_CHUNK_CHARS)
        self._buffer, self._at, self._is_whole = rest + chunk, 0, not chunk
        return bool(chunk)

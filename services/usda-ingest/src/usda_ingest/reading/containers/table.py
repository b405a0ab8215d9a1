"""What every container yields, and its bounds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

MAX_COLUMNS = 1_000
MAX_RECORD_CHARS = 1024 * 1024
MAX_FIELD_CHARS = 131_072
MAX_DEPTH = 100

Record = tuple[int, list[str]]
"""Where it is and its fields: the physical line in a CSV, else the place among the records."""

IsHeader = Callable[[Sequence[str]], bool]


class Malformed(list[str]):
    """The fields of a record that is none, as far as they go."""

    def __init__(self, fields: Sequence[str], reason: str) -> None:
        super().__init__(fields)
        self.reason = reason


class Table(Protocol):
    """Records under a header; they are read again from the start each time they are asked for."""

    @property
    def header(self) -> Sequence[str]:
        """The names of the columns, as written."""

    @property
    def remarks(self) -> Sequence[str]:
        """What staff should know of the file as a whole."""

    def records(self) -> Iterator[Record]:
        """Yield the records below the header.

        Raises:
            FileRefused: what follows can't be read; nothing of the file may be kept.

        """

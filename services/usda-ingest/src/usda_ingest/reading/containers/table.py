"""What every container yields, and its bounds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from usda_ingest.errors import FileRefused

MAX_COLUMNS = 1_000
MAX_RECORD_CHARS = 1024 * 1024
MAX_FIELD_CHARS = 131_072
MAX_DEPTH = 100
MAX_TAGS = 2 * MAX_COLUMNS

Record = tuple[int, list[str]]
"""Where it is and its fields: the physical line in a CSV, else the place among the records."""

IsHeader = Callable[[Sequence[str]], bool]


class Progress:
    """Notices a tag or comment without end: the parser is fed and fed, and nothing comes of it."""

    def __init__(self) -> None:
        self._events, self._fed = 0, 0

    def check(self, events: int, chars: int) -> None:
        """Note how many events there were until now, and how much was fed since last time.

        Raises:
            FileRefused: nothing has come of more than a record's length.

        """
        self._fed = self._fed + chars if events == self._events else chars
        self._events = events
        if self._fed > MAX_RECORD_CHARS:
            raise FileRefused(f"a tag or comment of more than {MAX_RECORD_CHARS} characters")


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

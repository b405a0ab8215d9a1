"""Long lists in pieces that one can leaf through, by `?page=`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from flask import request

MAX_PAGES = 1_000
MAX_SEARCHED_CHARACTERS = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pager:
    """Which piece is shown of how many; `first` and `last` count items from 1."""

    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        return min(self.total, (self.number - 1) * self.size + 1)

    @property
    def last(self) -> int:
        return min(self.total, self.number * self.size)

    def path(self, number: int) -> str:
        """Return the address of another piece, with the query of this one."""
        return f"{request.path}?{urlencode({**request.args.to_dict(), 'page': str(number)})}"


def asked_number() -> int:
    """Return `?page=`; anything that is no page is the first."""
    given = request.args.get("page", "")
    is_number = given.isascii() and given.isdigit() and len(given) <= len(str(MAX_PAGES))
    return min(MAX_PAGES, max(1, int(given))) if is_number else 1


def leaf(size: int, read: Callable[[int], tuple[T, int]]) -> tuple[T, Pager]:
    """Read the asked piece (`read` takes how many items to skip and says how many there are), or the last there is."""
    number = asked_number()
    found, total = read((number - 1) * size)
    pager = Pager(number, size, total)
    if number <= pager.pages:
        return found, pager
    found, total = read((pager.pages - 1) * size)
    return found, Pager(pager.pages, size, total)

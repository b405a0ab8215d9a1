"""What a format is: which columns it has, and how they tell what a row is about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from usda_ingest.errors import RowProblem
from usda_ingest.reading.quote import Traits
from usda_ingest.reading.values import MAX_TEXT_CHARS, fold, text

Row = Mapping[str, str]
"""Field by folded header name; a column that the file lacks is blank."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a row can't say itself."""

    today: date
    commodity: str = ""
    """The commodity that the file's name tells, blank if it tells none."""
    published_on: date | None = None
    """The day of the server's Last-Modified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a format, by folded name."""

    name: str
    marks: frozenset[str]
    """A file with any of these columns, and a low or high price, is in this format, or nearly."""
    required: frozenset[str]
    traits: tuple[str, ...]
    """The columns from which ``describe`` works out the traits."""
    describe: Callable[[Row, Context], Traits]
    day: str
    """The column with the market day; blank: the format names none."""
    prices: tuple[str, str, str, str]
    """Low, high, mostly low, mostly high; blank: the format has no such column."""
    comments: tuple[str, ...] = ()
    comment: str = ""
    """What is to be said of every row."""
    notes: tuple[str, ...] = ()
    merged: frozenset[str] = frozenset()
    """Columns that sections spell differently, so that one file has both: whichever is filled counts."""
    also_called: Mapping[str, str] = field(default_factory=dict)
    """Other spellings of these columns' names."""


def filled(row: Row, name: str, *, limit: int = MAX_TEXT_CHARS) -> str:
    """Return the field's text.

    Raises:
        RowProblem: it is blank, or no text we take.

    """
    value = text(row[name], name, limit=limit)
    if not value:
        raise RowProblem(f"{name} is blank")
    return value


def yes_or_no(row: Row, name: str) -> bool:
    """Return whether the field says yes; blank is no."""
    found = {"y": True, "yes": True, "n": False, "no": False, "": False}.get(fold(text(row[name], name)))
    if found is None:
        raise RowProblem(f"{name} is neither Y nor N: {row[name][:40]!r}")
    return found


def texts(row: Row, *names: str) -> tuple[str, ...]:
    """Return the fields' texts."""
    return tuple(text(row[name], name) for name in names)

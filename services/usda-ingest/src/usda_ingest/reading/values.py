"""The single values of a report: prices, days, texts. Anything unexpected is a ``RowProblem``, never a guess."""

import re
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from usda_ingest.errors import RowProblem

# What the events' schemas allow; the longest real text, a package, has 48 characters.
MAX_TEXT_CHARS = 200
MAX_NAME_CHARS = 60
MAX_COMMENT_CHARS = 4_000
EARLIEST_DAY = date(1990, 1, 1)
FUTURE_TOLERANCE = timedelta(days=7)

# A mistake of whoever wrote it, and orders could read no event with one: those of the whole report's day would be lost.
MAX_PRICE = Decimal(1_000_000)
# What the columns hold exactly. Digits of other scripts, exponents and signs are no prices.
_PRICE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?|\.[0-9]{1,4}")
_NEGATIVE = re.compile(r"-\s*[0-9.,]+|\([0-9.,]+\)")
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")
_CENTURY = 2000
_TWO_DIGITS = 100
# Line breaks and tabs occur in real comments; other control characters do not, and PostgreSQL refuses NUL.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOTHING = frozenset(["", "n/a"])


def text(value: str, name: str, *, limit: int = MAX_TEXT_CHARS) -> str:
    """Return the value with every run of blanks as one space; ``N/A`` means blank, as today's reports write it."""
    if not value:
        return ""
    collapsed = _collapsed(value) if len(value) <= MAX_TEXT_CHARS else _collapse(value)
    if collapsed is None:
        raise RowProblem(f"{name} contains a control character")
    if len(collapsed) > limit:
        raise RowProblem(f"{name} is longer than {limit} characters")
    return collapsed


def _collapse(value: str) -> str | None:
    if CONTROL.search(value):
        return None
    collapsed = " ".join(value.split())
    return "" if collapsed.casefold() in _NOTHING else collapsed


# Reports repeat their words: 56,000 rows of 29 fields have 4,000 different texts. Long ones are not worth the room.
_collapsed = lru_cache(maxsize=4_096)(_collapse)


def fold(value: str) -> str:
    """Return the form in which texts are compared: blanks collapsed, case folded."""
    return _folded(value) if len(value) <= MAX_TEXT_CHARS else _fold(value)


def storable(value: str) -> str:
    """Return what others wrote as PostgreSQL can hold it: NUL and halves of characters are shown as symbols."""
    return value.replace("\x00", "␀").encode("utf-8", "replace").decode()


def _fold(value: str) -> str:
    return " ".join(value.split()).casefold()


_folded = lru_cache(maxsize=4_096)(_fold)


def price(value: str, name: str) -> Decimal | None:
    """Return the exact price, None when the field is blank.

    Raises:
        RowProblem: negative, zero, above a million dollars, or no plain decimal number of at most 4 decimals.

    """
    stripped = value.strip()
    if not stripped:
        return None
    if _NEGATIVE.fullmatch(stripped):
        raise RowProblem(f"{name} is negative: {stripped[:40]!r}")
    if not _PRICE.fullmatch(stripped):
        raise RowProblem(f"{name} is not a price: {stripped[:40]!r}")
    number = Decimal(stripped)
    if number == 0:
        raise RowProblem(f"{name} is zero")
    if number > MAX_PRICE:
        raise RowProblem(f"{name} is above {MAX_PRICE:,}: {stripped[:40]!r}")
    return number


def day(value: str, name: str, today: date) -> date:
    """Return the day written ``M/D/YYYY`` or ``M/D/YY``; before 1990 or over a week ahead of today is a mistake."""
    found = _DAY.fullmatch(value.strip())
    if not found:
        raise RowProblem(f"{name} is not a day: {value.strip()[:40]!r}")
    month, day_of_month, year = (int(part) for part in found.groups())
    try:
        parsed = date(year + _CENTURY if year < _TWO_DIGITS else year, month, day_of_month)
    except ValueError:
        raise RowProblem(f"{name} is not a day: {value.strip()[:40]!r}") from None
    if not EARLIEST_DAY <= parsed <= today + FUTURE_TOLERANCE:
        raise RowProblem(f"{name} is out of range: {parsed.isoformat()}")
    return parsed

"""A series' quote of one day, and one that a correction took back, as others get them."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from usda_ingest.storing.day_prices import DayPrices

MIN_DECIMALS = 2
# The names of a quote's fields, its id, its day and five prices of at most 14 digits, with all that is between them.
_REST_BYTES = 330


@dataclass(frozen=True, slots=True, eq=False)
class SeriesNames:
    """What tells a series from others; one object for all its days."""

    series_id: str
    market: str
    commodity: str
    variety: str
    package: str
    size: str
    organic: bool
    body: dict[str, Any] = field(init=False, repr=False)
    """The JSON form."""
    most_bytes: int = field(init=False, repr=False)
    """What the JSON of one of its quotes takes at most."""

    def __post_init__(self) -> None:
        names = {"commodity": self.commodity, "variety": self.variety, "package": self.package, "size": self.size}
        object.__setattr__(self, "body", {"series_id": self.series_id, **names, "organic": self.organic})
        object.__setattr__(self, "most_bytes", _REST_BYTES + sum(map(_json_bytes, names.values())))


class DayQuote(NamedTuple):
    """A series' quote of one day."""

    series: SeriesNames
    report_id: str
    quoted_on: date
    prices: DayPrices

    def body(self) -> dict[str, Any]:
        """Return the JSON form; prices are decimal strings."""
        return {**self.series.body, "date": self.quoted_on.isoformat(), **_amounts(self.prices)}

    def most_bytes(self) -> int:
        """Return what the JSON form takes at most, without making it."""
        return self.series.most_bytes


class Withdrawn(NamedTuple):
    """A series' quote of one day that a correction took back."""

    series: SeriesNames
    report_id: str
    quoted_on: date

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"series_id": self.series.series_id, "date": self.quoted_on.isoformat()}

    def most_bytes(self) -> int:
        """Return what the JSON form takes at most."""
        return _REST_BYTES


@lru_cache(maxsize=4_096)
def _amounts(prices: DayPrices) -> dict[str, str | None]:
    return {
        "low": decimal_text(prices.low),
        "high": decimal_text(prices.high),
        "mostly_low": decimal_text(prices.mostly_low),
        "mostly_high": decimal_text(prices.mostly_high),
        "reference": decimal_text(prices.reference),
    }


@lru_cache(maxsize=4_096)
def decimal_text(number: Decimal | None) -> str | None:
    """Return the exact number with at least two decimals and no needless zeros beyond them."""
    if number is None:
        return None
    exponent = number.normalize().as_tuple().exponent
    decimals = max(MIN_DECIMALS, -exponent if isinstance(exponent, int) else 0)
    return f"{number:.{decimals}f}"


def _json_bytes(text: str) -> int:
    plain = len(text) if text.isascii() else len(text.encode())
    return plain + text.count('"') + text.count("\\")

"""A quote: one row of a report, whichever format it came in, and the identities derived from it."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

from usda_ingest.reading.values import fold

SERIES_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://mercadito.example/usda/series")
PER_PACKAGE = "package"
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a row is about, beyond the price; blank means that the report says nothing."""

    report_id: str
    market: str
    commodity: str
    category: str
    variety: str
    package: str
    size: str
    organic: bool
    origin: str
    appearance: str
    quality: str
    condition: str
    unit: str
    """``package``, or the measure that the price is for: ``lb``, ``kg``, ``each``, …"""
    other: tuple[str, ...] = ()
    """Every further descriptive field, in the format's order; part of the identity, not of the interface."""
    around_day: tuple[str, str] = field(init=False, repr=False, compare=False)
    """What a row's key is made of, before its day and behind it; computed once for all rows of a description."""

    def __post_init__(self) -> None:
        behind = [self.commodity, self.variety, self.package, self.size, str(self.organic), self.origin]
        behind += [self.appearance, self.quality, self.condition, self.unit, *self.other]
        before = _SEPARATOR.join([fold(self.report_id), fold(self.market), ""])
        object.__setattr__(self, "around_day", (before, _SEPARATOR.join(["", *map(fold, behind)])))

    @property
    def is_headline(self) -> bool:
        """Whether its rows count for their series: no appearance, quality or condition sets them apart."""
        return not (self.appearance or self.quality or self.condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The four prices of a row, in USD per unit; all None when the market was looked at and nothing quoted."""

    low: Decimal | None
    high: Decimal | None
    mostly_low: Decimal | None
    mostly_high: Decimal | None
    single_price: bool
    amounts: str = field(init=False, repr=False, compare=False)
    """What a row's value is made of, comments aside; ``1.50`` and ``1.5`` are one amount."""

    def __post_init__(self) -> None:
        prices = [self.low, self.high, self.mostly_low, self.mostly_high]
        texts = ["" if price is None else str(price.normalize()) for price in prices]
        object.__setattr__(self, "amounts", _SEPARATOR.join([*texts, str(self.single_price)]))


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says of what it is about; the reader hands out one object for all rows that say the same."""

    prices: Prices
    comment: str
    notes: tuple[str, ...] = ()
    """Market tone and offerings: kept with the row, part of what makes two rows the same."""
    key: str = field(init=False, repr=False, compare=False)
    """32 hexadecimal digits of all of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", _digest(_SEPARATOR.join([self.prices.amounts, self.comment, *self.notes])))


class Quote(NamedTuple):
    """One row of a report."""

    line: int
    quoted_on: date
    traits: Traits
    said: Said

    @property
    def row_key(self) -> str:
        """32 hexadecimal digits that rows share when everything that describes them is the same, prices aside."""
        before, behind = self.traits.around_day
        return _digest(f"{before}{self.quoted_on.isoformat()}{behind}")

    @property
    def value_key(self) -> str:
        """32 hexadecimal digits of what the row says; with ``row_key`` it finds exact doubles."""
        return self.said.key

    @property
    def prices(self) -> Prices:
        """The row's prices."""
        return self.said.prices

    @property
    def comment(self) -> str:
        """What is said of this price alone."""
        return self.said.comment

    @property
    def notes(self) -> tuple[str, ...]:
        """Market tone and offerings."""
        return self.said.notes

    @property
    def is_headline(self) -> bool:
        """Whether the row counts for its series."""
        return self.traits.is_headline


def series_package(package: str, unit: str) -> str:
    """Return the package as a series has it: a price per pound and a price per bin must never meet in one series."""
    return package if unit == PER_PACKAGE else ", ".join(part for part in (package, f"per {unit}") if part)


def series_id(market: str, commodity: str, variety: str, package: str, size: str, *, organic: bool) -> uuid.UUID:
    """Return the id of a series: UUIDv5 of its six parts, whatever their case and spacing."""
    parts = [market, commodity, variety, package, size, "organic" if organic else "conventional"]
    return uuid.uuid5(SERIES_NAMESPACE, _SEPARATOR.join(fold(part) for part in parts))


def price_unit(unit_of_sale: str, package: str) -> str:
    """Return what the price is for; ``PER BIN`` of ``36 inch bins`` is the package itself.

    The field also holds what is no unit (``ON THE VINE``, ``SHELLACKED``): that is an attribute, and the price is
    per package.
    """
    folded = fold(unit_of_sale)
    found = re.fullmatch(r"per (.+)|(each)", folded)
    if not found:
        return PER_PACKAGE
    unit = str(found[1] or found[2])
    return PER_PACKAGE if unit not in ("lb", "kg") and re.search(rf"\b{re.escape(unit)}s?\b", fold(package)) else unit


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()

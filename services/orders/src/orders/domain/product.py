"""A product: what is sold in which pack, and how its price follows a market series."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from orders.domain.errors import FieldError, Invalid
from orders.domain.order import is_id

MAX_NAME_CHARACTERS = 80
MAX_PACK_CHARACTERS = 120
MIN_UNITS, MAX_UNITS = Decimal("0.001"), Decimal("9999999.999")
UNIT_PLACES = 3
MIN_YIELD, MAX_YIELD = Decimal("0.0001"), Decimal(1)
MIN_MARKUP, MAX_MARKUP = Decimal("-0.9999"), Decimal("99.9999")
SHARE_PLACES = 4
MAX_PRICE_CENTS = 2_147_483_647
MIN_CASE_SIZE, MAX_CASE_SIZE = 2, 10_000
TEXT_BOUNDS = {
    "name": MAX_NAME_CHARACTERS,
    "name_es": MAX_NAME_CHARACTERS,
    "category": MAX_NAME_CHARACTERS,
    "pack": MAX_PACK_CHARACTERS,
}
# They turn the reading direction of whatever stands behind them on a page.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Rule(StrEnum):
    """Why a value can't be taken; the pages have a sentence for each in the reader's language."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    NOT_TEXT = "not_text"
    NOT_AN_ID = "not_an_id"
    NOT_A_NUMBER = "not_a_number"
    NOT_WHOLE = "not_whole"
    TOO_PRECISE = "too_precise"
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    BELOW_FLOOR = "below_floor"
    DECIMAL_COMMA = "decimal_comma"
    NOT_IN_PER_CENT = "not_in_per_cent"
    NOT_YES_OR_NO = "not_yes_or_no"
    A_DATE = "a_date"
    SPREADSHEET_ERROR = "spreadsheet_error"
    UNKNOWN_ID = "unknown_id"
    SAME_AS_LINE = "same_as_line"
    AMBIGUOUS = "ambiguous"
    NOT_UTF8 = "not_utf8"
    EMPTY_FILE = "empty_file"
    TOO_MANY_ROWS = "too_many_rows"
    BROKEN_QUOTES = "broken_quotes"
    UNKNOWN_COLUMN = "unknown_column"
    COLUMN_TWICE = "column_twice"
    COLUMN_MISSING = "column_missing"
    TOO_MANY_CELLS = "too_many_cells"


_SENTENCES = {
    Rule.MISSING: "is missing",
    Rule.TOO_LONG: "at most {bound} characters",
    Rule.NOT_TEXT: "control characters are not text",
    Rule.NOT_AN_ID: "not an id",
    Rule.NOT_A_NUMBER: "not a number",
    Rule.NOT_WHOLE: "a whole number is needed",
    Rule.TOO_PRECISE: "at most {bound} digits after the point",
    Rule.TOO_LITTLE: "at least {bound}",
    Rule.TOO_MUCH: "at most {bound}",
    Rule.BELOW_FLOOR: "not below the floor",
    Rule.DECIMAL_COMMA: "write a decimal point, as in 12.5",
    Rule.NOT_IN_PER_CENT: "write it in per cent: 95, not 0.95",
    Rule.NOT_YES_OR_NO: "write yes or no",
    Rule.A_DATE: "a spreadsheet has made a date of it",
    Rule.SPREADSHEET_ERROR: "an error of a spreadsheet, not a value",
    Rule.UNKNOWN_ID: "no product has this id",
    Rule.SAME_AS_LINE: "the same product as in line {bound}",
    Rule.AMBIGUOUS: "{bound} products have this name and pack; say which by its id",
    Rule.NOT_UTF8: "not UTF-8; save the file as CSV UTF-8",
    Rule.EMPTY_FILE: "nothing in it",
    Rule.TOO_MANY_ROWS: "at most {bound} rows",
    Rule.BROKEN_QUOTES: "a quote is not closed, or stands inside a cell",
    Rule.UNKNOWN_COLUMN: "no such column",
    Rule.COLUMN_TWICE: "the column is there twice",
    Rule.COLUMN_MISSING: "the column is missing",
    Rule.TOO_MANY_CELLS: "more cells than columns",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one value; `bound` is the number in the sentence."""

    field: str
    rule: Rule
    bound: str = ""

    @property
    def message(self) -> str:
        """Say it in English, as the API does."""
        return _SENTENCES[self.rule].format(bound=self.bound)


class ImpossibleProduct(Invalid):
    """Invalid, with the faults themselves, for pages that say them in the reader's language."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*(FieldError(fault.field, fault.message) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Product:
    """What staff decide about a product.

    `units_per_package` is how many sold units the package of the series holds, `yield_share` which share of it can be
    sold (1 = all), `markup` what is added (0.12 = 12 %), `case_size` how many sold units the market sells at once.
    """

    name: str
    name_es: str
    category: str
    pack: str
    series_id: str | None = None
    units_per_package: Decimal = Decimal(1)
    yield_share: Decimal = Decimal(1)
    markup: Decimal = Decimal(0)
    floor_cents: int | None = None
    ceiling_cents: int | None = None
    case_size: int | None = None
    active: bool = True

    def require_sound(self) -> None:
        """Refuse what can't be a product, naming every field."""
        found = tuple(faults(self))
        if found:
            raise ImpossibleProduct(*found)


def faults(product: Product) -> Iterator[Fault]:
    """Find everything that is wrong with a product."""
    for field, most in TEXT_BOUNDS.items():
        yield from _text_faults(field, getattr(product, field), most)
    if product.series_id is not None and not is_id(product.series_id):
        yield Fault("series_id", Rule.NOT_AN_ID)
    yield from _decimal_faults("units_per_package", product.units_per_package, MIN_UNITS, MAX_UNITS, UNIT_PLACES)
    yield from _decimal_faults("yield_share", product.yield_share, MIN_YIELD, MAX_YIELD, SHARE_PLACES)
    yield from _decimal_faults("markup", product.markup, MIN_MARKUP, MAX_MARKUP, SHARE_PLACES)
    for field in ("floor_cents", "ceiling_cents"):
        yield from _whole_faults(field, getattr(product, field), 0, MAX_PRICE_CENTS)
    yield from _whole_faults("case_size", product.case_size, MIN_CASE_SIZE, MAX_CASE_SIZE)
    if None not in (floor := product.floor_cents, ceiling := product.ceiling_cents) and floor > ceiling:  # type: ignore[operator]
        yield Fault("ceiling_cents", Rule.BELOW_FLOOR)


def tidy(text: str) -> str:
    """Write a text as it is kept: composed, and with one blank for each run of blanks, tabs and line ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _text_faults(field: str, text: str, most: int) -> Iterator[Fault]:
    if not text.strip():
        yield Fault(field, Rule.MISSING)
    elif len(text) > most:
        yield Fault(field, Rule.TOO_LONG, str(most))
    elif not text.isprintable() and any(
        character in _TURNING or unicodedata.category(character) in _NO_TEXT for character in text
    ):
        yield Fault(field, Rule.NOT_TEXT)


def _decimal_faults(field: str, value: Decimal, least: Decimal, most: Decimal, places: int) -> Iterator[Fault]:
    if not value.is_finite():
        yield Fault(field, Rule.NOT_A_NUMBER)
    elif value < least:
        yield Fault(field, Rule.TOO_LITTLE, f"{least}")
    elif value > most:
        yield Fault(field, Rule.TOO_MUCH, f"{most}")
    elif value != round(value, places):
        yield Fault(field, Rule.TOO_PRECISE, str(places))


def _whole_faults(field: str, value: int | None, least: int, most: int) -> Iterator[Fault]:
    if value is not None and value < least:
        yield Fault(field, Rule.TOO_LITTLE, str(least))
    elif value is not None and value > most:
        yield Fault(field, Rule.TOO_MUCH, str(most))

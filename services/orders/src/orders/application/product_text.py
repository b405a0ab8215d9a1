"""A product in the words of a form or a spreadsheet, and back: dollars, per cent, yes and no.

Spreadsheets write numbers their own way ("$1,234.50", "95 %"); what can be read only one way is taken, what could mean
two things is sent back with a sentence.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from orders.domain.product import Fault, Product, Rule, faults, tidy

COLUMNS = (
    "id",
    "name",
    "name_es",
    "category",
    "pack",
    "series_id",
    "units_per_package",
    "yield_percent",
    "markup_percent",
    "floor",
    "ceiling",
    "case_size",
    "active",
)
NEEDED = ("name", "name_es", "category", "pack")
MAX_NUMBER_CHARACTERS = 40
_ONE_PER_CENT = Decimal("0.01")
_FIELDS = {
    "yield_percent": "yield_share",
    "markup_percent": "markup",
    "floor": "floor_cents",
    "ceiling": "ceiling_cents",
}
_COLUMN_OF = {name: column for column, name in _FIELDS.items()}
_YES = frozenset({"yes", "y", "true", "1", "x", "sí", "si", "s", "verdadero"})
_NO = frozenset({"no", "n", "false", "0", "falso"})
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic"
_DATE = re.compile(
    rf"\d{{1,4}}[/-]\d{{1,2}}[/-]\d{{2,4}}(?: \d.*)?|\d{{1,2}}-(?:{_MONTH})(?:-\d{{2,4}})?|(?:{_MONTH})-\d{{2,4}}",
    re.ASCII | re.IGNORECASE,
)
_SPREADSHEET_ERROR = re.compile(r"#(?:REF!|N/A|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|¡.*|SPILL!|#+)", re.IGNORECASE)


class Unwritable(ValueError):
    """A cell that can't be read; says why."""

    def __init__(self, rule: Rule, bound: str = "") -> None:
        super().__init__(rule.value)
        self.rule = rule
        self.bound = bound


@dataclass(frozen=True, slots=True)
class Read:
    """A product read from text. `faults` are named by column; with any of them `product` is None."""

    product: Product | None
    faults: tuple[Fault, ...] = field(default=())


def read_product(cells: Mapping[str, str], base: Product | None) -> Read:
    """Read the columns that are there; the others stay as `base` has them, or as a new product has them.

    An empty cell takes away what is optional (series, floor, ceiling, case size); of the numbers that every product
    has it means "as before", for a new product one unit a package, 100 % yield, no markup, active.
    """
    values: dict[str, Any] = {}
    found: list[Fault] = []
    for column in COLUMNS[1:]:
        if column in cells:
            try:
                _take(column, cells[column], values)
            except Unwritable as error:
                found.append(Fault(column, error.rule, error.bound))
    whole = replace(base or Product("", "", "", ""), **values)
    said = {fault.field for fault in found}
    found += [fault for fault in map(_by_column, faults(whole)) if fault.field not in said]
    in_order = sorted(found, key=lambda fault: COLUMNS.index(fault.field))
    return Read(None if found else whole, tuple(in_order))


def written(product: Product) -> dict[str, str]:
    """Write a product as forms show it and files hold it; `read_product` reads exactly this back."""
    return {
        "name": product.name,
        "name_es": product.name_es,
        "category": product.category,
        "pack": product.pack,
        "series_id": product.series_id or "",
        "units_per_package": plain(product.units_per_package),
        "yield_percent": percent(product.yield_share),
        "markup_percent": percent(product.markup),
        "floor": dollars(product.floor_cents),
        "ceiling": dollars(product.ceiling_cents),
        "case_size": "" if product.case_size is None else str(product.case_size),
        "active": "yes" if product.active else "no",
    }


def plain(number: Decimal) -> str:
    """Write a number without exponent and trailing zeros."""
    return f"{number.normalize():f}" if number else "0"


def percent(share: Decimal) -> str:
    """Write a share in per cent; below one the sign stays, for there a bare number could be a share."""
    number = plain(share * 100)
    return f"{number}%" if 0 < abs(share) <= _ONE_PER_CENT else number


def dollars(cents: int | None) -> str:
    return "" if cents is None else f"{Decimal(cents) / 100:.2f}"


def _take(column: str, cell: str, values: dict[str, Any]) -> None:
    reader, optional = _READERS[column]
    text = cell.strip() if column == "series_id" else tidy(cell)
    if _SPREADSHEET_ERROR.fullmatch(text):
        raise Unwritable(Rule.SPREADSHEET_ERROR)
    if _DATE.fullmatch(text):
        raise Unwritable(Rule.A_DATE)
    name = _FIELDS.get(column, column)
    if text or column in NEEDED:
        values[name] = reader(text)
    elif optional:
        values[name] = None


def _by_column(fault: Fault) -> Fault:
    """Name a fault of a product as the column is named, and its bound as the column is written."""
    column = _COLUMN_OF.get(fault.field, fault.field)
    bound = fault.bound
    if column in ("yield_percent", "markup_percent"):
        bound = {Rule.TOO_PRECISE: "2"}.get(fault.rule) or (f"{plain(Decimal(bound) * 100)} %" if bound else "")
    elif column in ("floor", "ceiling") and bound:
        bound = f"${Decimal(bound) / 100:,.2f}"
    return Fault(column, fault.rule, bound)


def _text(text: str) -> str:
    return text


def _id(text: str) -> str:
    return text.lower()


def _number(text: str) -> Decimal:
    bare = text.replace(" ", "")
    if _DECIMAL_COMMA.fullmatch(bare) and not _NUMBER.fullmatch(bare):
        raise Unwritable(Rule.DECIMAL_COMMA)
    digits = bare.replace(",", "")
    is_number = len(bare) <= MAX_NUMBER_CHARACTERS and bare.isascii() and _NUMBER.fullmatch(bare)
    if not is_number or not any(character.isdigit() for character in bare):
        raise Unwritable(Rule.NOT_A_NUMBER)
    return Decimal(digits)


def _share(text: str) -> Decimal:
    signed = text.endswith("%")
    number = _number(text.removesuffix("%"))
    if not signed and 0 < abs(number) <= 1:
        raise Unwritable(Rule.NOT_IN_PER_CENT)
    return number / 100


def _markup(text: str) -> Decimal:
    signed = text.endswith("%")
    number = _number(text.removesuffix("%"))
    if not signed and 0 < abs(number) < 1:
        raise Unwritable(Rule.NOT_IN_PER_CENT)
    return number / 100


def _cents(text: str) -> int:
    cents = _number(text.replace("$", "", 1).removesuffix("USD")) * 100
    if cents != cents.to_integral_value(ROUND_HALF_UP):
        raise Unwritable(Rule.TOO_PRECISE, "2")
    return int(cents)


def _whole(text: str) -> int:
    number = _number(text)
    if number != number.to_integral_value():
        raise Unwritable(Rule.NOT_WHOLE)
    return int(number)


def _truth(text: str) -> bool:
    word = text.casefold()
    if word not in _YES | _NO:
        raise Unwritable(Rule.NOT_YES_OR_NO)
    return word in _YES


# Each column's reader, and whether an empty cell takes the value away.
_READERS: Mapping[str, tuple[Callable[[str], object], bool]] = {
    "name": (_text, False),
    "name_es": (_text, False),
    "category": (_text, False),
    "pack": (_text, False),
    "series_id": (_id, True),
    "units_per_package": (_number, False),
    "yield_percent": (_share, False),
    "markup_percent": (_markup, False),
    "floor": (_cents, True),
    "ceiling": (_cents, True),
    "case_size": (_whole, True),
    "active": (_truth, False),
}

"""Quotes as lines of CSV (RFC 4180), which no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = (
    *("series_id", "report_id", "market", "commodity", "variety", "package", "size", "organic", "origin", "quality"),
    *("date", "low", "high", "mostly_low", "mostly_high", "single_price", "unit", "weight_lb", "weight_source"),
    "comment",
)
"""The names that the API has for them."""

EXAMPLE = {
    **dict.fromkeys(COLUMNS, ""),
    "series_id": "2fcb5ee4-7d39-5a4c-9a0c-3a8fdc0d9b8e",
    "report_id": "2306",
    "market": "Los Angeles",
    "commodity": "Avocados",
    "variety": "HASS",
    "package": "cartons 2 layer",
    "size": "48s",
    "organic": False,
    "date": "2026-01-08",
    "low": "30.00",
    "high": "32.00",
    "single_price": False,
    "unit": "package",
}

_AMOUNTS = frozenset(("low", "high", "mostly_low", "mostly_high", "weight_lb"))
# What spreadsheets take for a formula when it begins a cell, full width too; and our own mark.
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
_MARK = "'"


def header() -> bytes:
    """Return the line of names."""
    return _written([COLUMNS])


def lines(quotes: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a line for each quote.

    A text that could begin a formula, or begins with an apostrophe, gets an apostrophe before it: taking one away
    gives the exact text again. Prices, weights, days and ids are written as they are.
    """
    return _written([_cell(name, quote[name]) for name in COLUMNS] for quote in quotes)


def _written(rows: Iterable[Iterable[str]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    is_risky = name not in _AMOUNTS and text.startswith(_RISKY)
    return _MARK + text if is_risky else text

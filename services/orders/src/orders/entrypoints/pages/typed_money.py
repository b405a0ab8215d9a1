"""Dollars as somebody types them, and as a field shows them: exactly, or not at all."""

import re

MAX_CHARACTERS = 40
MAX_DIGITS = 9
MAX_CENTS = 2_147_483_647
_PLAIN = re.compile(r"\d+(?:[.,]\d{1,2})?")
_WITH_DOT = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?")
_WITH_COMMA = re.compile(r"\d{1,3}(?:\.\d{3})+,\d{1,2}")
_BLANKS = str.maketrans("", "", " \u00a0\u202f\t")


def cents_of(text: str) -> int | None:
    """Read dollars as they are written here or south of here ("34.5", "$1,234.50", "34,50"); None when it is no price.

    Commas part thousands, as everywhere in Los Angeles; "1.234" could mean either, and is refused instead of guessed.
    """
    digits = text.translate(_BLANKS)
    digits = digits[1:] if digits.startswith("$") else digits.removesuffix("$")
    if len(digits) > MAX_CHARACTERS or not digits.isascii():
        return None
    if _WITH_DOT.fullmatch(digits):
        digits = digits.replace(",", "")
    elif _WITH_COMMA.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif not _PLAIN.fullmatch(digits):
        return None
    dollars, _sign, rest = digits.replace(",", ".").partition(".")
    if len(dollars) > MAX_DIGITS:
        return None
    cents = int(dollars) * 100 + int(f"{rest:0<2}")
    return cents if cents <= MAX_CENTS else None


def dollars_of(cents: int | None) -> str:
    """Write cents into a field."""
    return "" if cents is None else f"{cents // 100}.{cents % 100:02d}"

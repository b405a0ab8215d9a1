"""Dollars as somebody types them: "12", "12.5", "$1,250.00"; exactly, or not at all."""

import re

MAX_CENTS = 2_147_483_647
_DOLLARS = re.compile(r"\$?\s?(\d{1,3}(?:,\d{3})+|\d{1,9})?(?:\.(\d{1,2}))?")


def cents_of(text: str) -> int | None:
    """Return typed dollars in cents; None is what can't be an amount of money."""
    found = _DOLLARS.fullmatch(text.strip()) if text.isascii() else None
    if found is None or not (found[1] or found[2]):
        return None
    cents = int((found[1] or "0").replace(",", "")) * 100 + int((found[2] or "").ljust(2, "0"))
    return cents if cents <= MAX_CENTS else None


def typed(cents: int | None) -> str:
    """Write an amount as a field shows it."""
    return "" if cents is None else f"{cents // 100}.{cents % 100:02d}"

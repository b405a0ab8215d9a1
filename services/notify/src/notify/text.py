"""Cleaning of words that others typed, before they reach a subject, a header or a template."""

import re
import unicodedata

# Marks that turn the direction of what follows, which let a name disguise the words after it.
DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Cc control, Cs lone surrogate (cannot be encoded), Zl and Zp separators (end a line for some readers).
DROPPED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})

_ADDRESS = re.compile(r"[^\s<>,;:()\[\]]+@[^\s<>,;:()\[\]]+")


def one_line(words: str) -> str:
    """Return ``words`` on one line: control and direction characters gone, runs of white space made one space."""
    kept = (
        " " if unicodedata.category(char) in DROPPED_CATEGORIES or char in DIRECTION_MARKS else char for char in words
    )
    return " ".join("".join(kept).split())


def without_addresses(words: str) -> str:
    """Return ``words`` on one line with every mail address taken out: relays like to repeat them in their refusals."""
    return _ADDRESS.sub("[address]", one_line(words))

"""Cleaning of words that others typed, before they reach a subject, a header or a template."""

import unicodedata

# Beside the control characters: marks that turn the direction of what follows, which let a name disguise the words after it.
DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Cc control, Cs lone surrogate (cannot be encoded), Zl and Zp line and paragraph separators (end a line for some readers).
DROPPED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def one_line(words: str) -> str:
    """Return ``words`` on one line: control and direction characters gone, runs of white space made one space."""
    kept = (
        " " if unicodedata.category(char) in DROPPED_CATEGORIES or char in DIRECTION_MARKS else char for char in words
    )
    return " ".join("".join(kept).split())

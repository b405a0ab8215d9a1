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
    # Whatever is dropped counts as not printable, so that most words need no look at each character.
    return " ".join((words if words.isprintable() else "".join(map(_kept, words))).split())


def _kept(char: str) -> str:
    return " " if unicodedata.category(char) in DROPPED_CATEGORIES or char in DIRECTION_MARKS else char


def some_lines(words: str) -> str:
    """Return ``words`` with each line cleaned as by ``one_line``, and no more than one empty line between two."""
    lines = [one_line(line) for line in words.splitlines()]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip()


def without_addresses(words: str) -> str:
    """Return ``words`` on one line with every mail address taken out: relays like to repeat them in their refusals."""
    return _ADDRESS.sub("[address]", one_line(words))

"""What a new password may be: long enough, and not the first thing somebody would try.

Source: NIST SP 800-63B, 5.1.1.2. No rules of composition, no expiry; every character counts as one, blanks too.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from orders.domain.common_passwords import PASSWORDS, WORDS
from orders.domain.errors import FieldError, Invalid

MIN_CHARACTERS = 10
MAX_CHARACTERS = 1_024
FEWEST_DIFFERENT = 4
MIN_OWN_CHARACTERS = 3
# What people walk along instead of choosing: figures, the alphabet, the rows of the keyboard.
_WALKS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjklñ", "zxcvbnm")
_AROUND_WORD = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_NOT_LETTERS_OR_FIGURES = re.compile(r"[\W_]+")


class Weakness(StrEnum):
    """Why a password is refused; the pages have a sentence for each."""

    TOO_SHORT = f"at least {MIN_CHARACTERS} characters"
    TOO_LONG = f"at most {MAX_CHARACTERS} characters"
    ABOUT_YOU = "not your name, your e-mail or the hub's name"
    COMMON = "one of those that are tried first; choose something longer or less usual"


class WeakPassword(Invalid):
    """A new password that breaks the rules; nothing was changed."""

    def __init__(self, weakness: Weakness, field: str = "new_password") -> None:
        super().__init__(FieldError(field, weakness.value))
        self.weakness = weakness


def require_good(password: str, *, about: Iterable[str]) -> None:
    """Refuse a weak password; `about` are the person's e-mail and name and the hub's name."""
    weakness = weakness_of(password, about=about)
    if weakness is not None:
        raise WeakPassword(weakness)


def weakness_of(password: str, *, about: Iterable[str]) -> Weakness | None:
    """Return what is wrong with a new password, or None."""
    if len(password) < MIN_CHARACTERS:
        return Weakness.TOO_SHORT
    if len(password) > MAX_CHARACTERS:
        return Weakness.TOO_LONG
    plain = password.casefold().strip()
    if _core(plain) in _own_words(about):
        return Weakness.ABOUT_YOU
    return Weakness.COMMON if _is_common(plain) else None


def _own_words(about: Iterable[str]) -> set[str]:
    words = [word.casefold().strip() for word in about]
    with_local_parts = {*words, *(word.rpartition("@")[0] for word in words)}
    return {core for core in map(_core, with_local_parts) if len(core) >= MIN_OWN_CHARACTERS}


def _core(words: str) -> str:
    """Return letters and figures without the figures and signs at either end: "Rosa.Delgado_1987!" is "rosadelgado"."""
    return _NOT_LETTERS_OR_FIGURES.sub("", _AROUND_WORD.sub("", words))


def _is_common(plain: str) -> bool:
    if plain in PASSWORDS or len(set(plain)) < FEWEST_DIFFERENT:
        return True
    bare = _AROUND_WORD.sub("", plain)
    return bare in WORDS or any(plain in walk or plain in walk[::-1] for walk in _doubled_walks())


def _doubled_walks() -> tuple[str, ...]:
    return tuple(walk * 2 for walk in _WALKS)

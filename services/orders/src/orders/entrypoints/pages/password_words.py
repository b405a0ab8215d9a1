"""What is said about a password that is not taken."""

from orders.domain.passwords import MAX_CHARACTERS, MIN_CHARACTERS, Weakness
from orders.entrypoints.pages.reader import gettext as _


def weakness_words(weakness: Weakness) -> str:
    """Say what is wrong and what would be better."""
    match weakness:
        case Weakness.TOO_SHORT:
            text = _("Use at least %(number)s characters. A few words in a row are good.")
            return text % {"number": MIN_CHARACTERS}
        case Weakness.TOO_LONG:
            return _("Use at most %(number)s characters.") % {"number": MAX_CHARACTERS}
        case Weakness.ABOUT_YOU:
            return _("That is too close to your name, your e-mail or ours. Choose something nobody would guess.")
        case Weakness.COMMON:
            return _("That is one of the passwords people try first. Choose something longer or less usual.")


def password_hint() -> str:
    """Say what a password may be, before one is typed."""
    return _("At least %(number)s characters; blanks count. Pasting works.") % {"number": MIN_CHARACTERS}

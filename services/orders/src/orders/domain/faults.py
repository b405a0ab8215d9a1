"""What is wrong with a field, said so that a page can say it in another language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orders.domain.errors import FieldError


@dataclass(frozen=True, slots=True)
class Fault(FieldError):
    """A field error whose `code` names the sentence and whose `figures` fill it; `message` is the English one."""

    code: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)


def text_fault(name: str, text: str, *, most: int, required: bool = True, lines: bool = False) -> Fault | None:
    """Tell what keeps a text from being one line (or, with `lines`, several) of at most so many characters."""
    if required and not text.strip():
        return Fault(name, "write something here", "empty")
    if len(text) > most:
        return Fault(name, f"at most {most:,} characters", "long", {"most": most})
    allowed = "\t\r\n" if lines else ""
    if any(is_unwritable(character) and character not in allowed for character in text):
        return Fault(name, "it holds characters that are no text", "controls")
    return None


def is_unwritable(character: str) -> bool:
    """Tell whether a character is a control or half of one: the database takes neither, and nobody sees them."""
    return character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"

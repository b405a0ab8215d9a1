"""What a check found, in one line that says what to do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from notify.text import one_line

# Relays and the DNS may say more: what is told of it has an end, and nothing of it steers a terminal.
MAX_CHARS: Final = 1_200


class Mark(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """Works, or can't be known from here; worth a look."""
    PROBLEM = "problem"
    """Mails do not leave, or do not arrive."""


SIGNS = {Mark.OK: "✓", Mark.WARNING: "!", Mark.PROBLEM: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, what it saw, and what to do about it."""

    mark: Mark
    check: str
    says: str
    todo: str = ""

    @property
    def line(self) -> str:
        """Return it as a person reads it."""
        parts = [f"{SIGNS[self.mark]} {self.check}: {_harmless(self.says)}", _harmless(self.todo)]
        return " → ".join(filter(None, parts))


def _harmless(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= MAX_CHARS else f"{shown[:MAX_CHARS]}…"


def ok(check: str, says: str) -> Finding:
    """Return that a check found all well."""
    return Finding(Mark.OK, check, says)


def warning(check: str, says: str, todo: str) -> Finding:
    """Return what is worth a look."""
    return Finding(Mark.WARNING, check, says, todo)


def problem(check: str, says: str, todo: str) -> Finding:
    """Return what keeps mails from arriving."""
    return Finding(Mark.PROBLEM, check, says, todo)

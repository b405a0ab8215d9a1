"""How much goes on."""

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self


@dataclass(frozen=True)
class Volume:
    """Requests a second, and open screens."""

    orders_per_s: float = 20.0
    reads_per_s: float = 100.0
    screens: int = 200

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """Read it from the words of a command; none of them: as issue 8 wants it."""
        return cls(float(words[0]), float(words[1]), int(words[2])) if words else cls()

    def words(self) -> list[str]:
        """Return it as the words of a command."""
        return [str(each) for each in astuple(self)]


FULL = Volume()
# Beside other suites: the machine that serves is the one that sends.
MODEST = Volume(orders_per_s=1.5, reads_per_s=8.0, screens=30)


def from_environment() -> Volume:
    """Return the modest one, or what MERCADITO_TRAFFIC says of a free machine: `full`, or "10 50 200"."""
    wanted = os.environ.get("MERCADITO_TRAFFIC")
    if not wanted:
        return MODEST
    return FULL if wanted == "full" else Volume.of(wanted.split())

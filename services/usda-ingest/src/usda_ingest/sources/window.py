"""Days in a row: what is asked for at once, and how a question that is too large is cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)
# What can be asked for: no price is older, and no calendar of anybody's goes further.
EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Window:
    """The days from ``first_on`` to ``last_on``, both included."""

    first_on: date
    last_on: date

    def __post_init__(self) -> None:
        if self.last_on < self.first_on:
            raise ValueError(f"the last day {self.last_on} is before the first {self.first_on}")
        if self.first_on < EARLIEST or self.last_on > LATEST:
            raise ValueError(f"days must be from {EARLIEST} to {LATEST}")

    def __str__(self) -> str:
        return f"{self.first_on}..{self.last_on}"

    @classmethod
    def last(cls, days: int, today: date) -> "Window":
        """Return that many days, today being the last."""
        return cls(today - (days - 1) * _DAY, today)

    @property
    def days(self) -> int:
        """How many days it is."""
        return (self.last_on - self.first_on).days + 1

    def pieces(self, days: int) -> Iterator["Window"]:
        """Cut it, from its first day on, into windows of at most that many days."""
        first_on = self.first_on
        while first_on <= self.last_on:
            last_on = min(self.last_on, first_on + (days - 1) * _DAY)
            yield Window(first_on, last_on)
            first_on = last_on + _DAY

    def halves(self) -> tuple["Window", "Window"] | None:
        """Return its two halves; None when it is one day only."""
        if self.days == 1:
            return None
        last_on = self.first_on + (self.days // 2 - 1) * _DAY
        return Window(self.first_on, last_on), Window(last_on + _DAY, self.last_on)

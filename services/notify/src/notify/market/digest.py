"""What one week's digest says: which prices moved, what of it a store buys, and the lines that its chart draws."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import zip_longest
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from notify.readings import Cents, Id, Name, Reading

MAX_MOVES = 80
"""So many series a digest holds, those that moved most; more are not told."""
MAX_STORES = 1_000
"""Of so many stores it says what they buy; those of others get the list that all get."""
MAX_BOUGHT = 6
"""So much of what a reader's stores buy is listed."""
MAX_EACH_WAY = 4
"""So many others that went up most, and as many that went down most."""
MAX_HEADLINE = 2
MAX_LINES = 4
MAX_POINTS = 70

Index = Annotated[int, Field(strict=True, ge=0, lt=MAX_MOVES)]


class Move(Reading):
    """A series with its newest price of the week and the one of a week before, of the same pack."""

    name: Name
    name_es: Name
    pack: Name | None = None
    pack_es: Name | None = None  # absent where it reads the same
    cents: Cents
    on: date
    last_cents: Annotated[Cents, Field(gt=0)]
    last_on: date

    @property
    def change(self) -> int:
        """Return by how many cents the price went up; below zero: down."""
        return self.cents - self.last_cents

    @property
    def percent(self) -> str:
        """Return the change without its sign, to a tenth below ten per cent and to a whole number from there on."""
        share = Decimal(abs(self.change) * 100) / Decimal(self.last_cents)
        tenth = share.quantize(Decimal("0.1"), ROUND_HALF_UP)
        rounded = tenth if tenth < 10 else share.quantize(Decimal(1), ROUND_HALF_UP)  # noqa: PLR2004 - as said above
        return f"{f'{rounded:f}'.removesuffix('.0')}%"

    @property
    def way(self) -> Literal["up", "down", "level"]:
        """Return where the price went."""
        return "up" if self.change > 0 else "down" if self.change < 0 else "level"


class Line(Reading):
    """What the chart draws of a move: prices in cents by their day, oldest first."""

    move: Index
    points: Annotated[tuple[tuple[date, Cents], ...], Field(min_length=2, max_length=MAX_POINTS)]


@dataclass(frozen=True, slots=True)
class Shown:
    """What one reader sees, each part with what moved most first."""

    bought: Sequence[Move]
    up: Sequence[Move]
    down: Sequence[Move]


class Digest(Reading):
    """One week; ``moves`` stand in the order of how much they moved."""

    week: Annotated[str, StringConstraints(pattern=r"^\d{4}-W\d\d$")]
    until: date
    """The market's day up to which prices were looked at."""
    next_at: AwareDatetime
    moves: Annotated[tuple[Move, ...], Field(min_length=1, max_length=MAX_MOVES)]
    bought: Annotated[dict[Id, tuple[Index, ...]], Field(max_length=MAX_STORES, default_factory=dict)]
    """For a store the numbers of the moves that it buys."""
    lines: Annotated[tuple[Line, ...], Field(max_length=MAX_LINES)] = ()
    since: date
    """The first day of the chart."""

    def shown(self, store_ids: Collection[str]) -> Shown:
        """Return what somebody of these stores sees: first what they buy, then what else moved most, nothing twice."""
        indices = sorted({index for store_id in store_ids for index in self.bought.get(store_id, ())})[:MAX_BOUGHT]
        others = [move for index, move in enumerate(self.moves) if index not in indices]
        return Shown(
            bought=[self.moves[index] for index in indices if index < len(self.moves)],
            up=[move for move in others if move.way == "up"][:MAX_EACH_WAY],
            down=[move for move in others if move.way == "down"][:MAX_EACH_WAY],
        )

    def headline(self, store_ids: Collection[str]) -> list[Move]:
        """Return what the subject says to somebody of these stores: what moved most of all that is shown."""
        shown = self.shown(store_ids)
        moved = [move for move in shown.bought if move.change]
        others = [move for pair in zip_longest(shown.up, shown.down) for move in pair if move is not None]
        return [*moved, *others][:MAX_HEADLINE]

    @property
    def newest_on(self) -> date:
        """Return the day of the newest price in it."""
        return max(move.on for move in self.moves)

    @property
    def drawn(self) -> list[Move]:
        """Return what the chart shows, from top to bottom."""
        return [self.moves[line.move] for line in self.lines if line.move < len(self.moves)]

"""The quotes of a market as one table: a row a series, a column a market day, NaN where nothing was quoted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
import numpy.typing as npt

from usda_ingest.forecasting import market_days

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HISTORY_DAYS = 780
"""How far back the methods look, in market days: a little over three years."""
STEP_UNKNOWN = 0.02
"""The price step of a series that has never moved, as a share of its price."""
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class History:
    """A series' quotes, at least one, oldest first: days as ordinals (`date.toordinal`), references in dollars."""

    series_id: UUID
    commodity: str
    ordinals: Sequence[int]
    prices: Sequence[float]


def numbers(ordinals: Sequence[int]) -> Integers:
    """Return `market_days.number` of many days."""
    week, weekday = np.divmod(np.asarray(ordinals, dtype=np.int64) - 1, 7)
    places = week * market_days.DAYS_A_WEEK + np.minimum(weekday, market_days.DAYS_A_WEEK - 1)
    return np.asarray(places - np.searchsorted(market_days.holiday_places(), places, side="right"))


def ordinals(numbers: Integers) -> Integers:
    """Return the days with these numbers, as `market_days.day` would."""
    places = numbers + np.searchsorted(market_days.market_days_before_holidays(), numbers, side="right")
    week, weekday = np.divmod(places, market_days.DAYS_A_WEEK)
    return np.asarray(week * 7 + weekday + 1)


class Grid:
    """What the methods look at. Everything in column t comes from quotes up to t, except `change_after`.

    Args:
        histories: the rows; a day that is quoted twice (a weekend beside its Friday) has its later price.
        first: number of the market day of the first column; quotes before it are left out.
        end: number of the market day of the last one.

    """

    def __init__(self, histories: Sequence[History], first: int, end: int) -> None:
        self.histories = histories
        self.first = first
        self.prices = np.full((len(histories), end - first + 1), np.nan)
        for row, history in enumerate(histories):
            columns = numbers(history.ordinals) - first
            inside = columns >= 0
            self.prices[row, columns[inside]] = np.asarray(history.prices, dtype=np.float64)[inside]

    @property
    def days(self) -> int:
        """How many columns there are."""
        return int(self.prices.shape[1])

    @cached_property
    def is_quoted(self) -> Flags:
        """Where there is a quote."""
        return np.asarray(~np.isnan(self.prices))

    @cached_property
    def counts(self) -> Integers:
        """How many quotes were known on each day."""
        return np.asarray(np.cumsum(self.is_quoted, axis=1))

    @cached_property
    def last(self) -> Floats:
        """Logarithm of the newest price known on each day; NaN before the first."""
        columns = np.where(self.is_quoted, np.arange(self.days), 0)
        np.maximum.accumulate(columns, axis=1, out=columns)
        return np.asarray(np.log(np.take_along_axis(self.prices, columns, axis=1)))

    @cached_property
    def ends(self) -> Integers:
        """Column of each series' newest quote."""
        return np.asarray(self.days - 1 - np.argmax(self.is_quoted[:, ::-1], axis=1))

    def change_after(self, days: int) -> Floats:
        """Return how the logarithm of the price changes over so many days; NaN unless both days were quoted."""
        quoted = np.where(self.is_quoted, self.last, np.nan)
        change = np.full_like(quoted, np.nan)
        if days < self.days:
            change[:, :-days] = quoted[:, days:] - quoted[:, :-days]
        return change

    @cached_property
    def step(self) -> Floats:
        """One price step at each day's price, as a difference of logarithms: the smallest change seen so far."""
        price = np.exp(self.last)
        moved = np.abs(np.diff(price, axis=1, prepend=np.nan))
        moved = np.where(moved > _SAME * price, moved, np.inf)
        smallest = np.minimum.accumulate(moved, axis=1)
        return np.asarray(np.log1p(np.where(np.isfinite(smallest), smallest / price, STEP_UNKNOWN)))


def ago(values: Floats, days: int) -> Floats:
    """Return what `values` were so many columns before; NaN where that is before the table."""
    earlier = np.full_like(values, np.nan)
    if days < values.shape[1]:
        earlier[:, days:] = values[:, : values.shape[1] - days]
    return earlier

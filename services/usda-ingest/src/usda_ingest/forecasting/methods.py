"""The ways to forecast that compete. Each says by how much the logarithm of the price will change within h days.

Sources: naive, simple exponential smoothing and the damped trend: Hyndman, Athanasopoulos, "Forecasting: principles
and practice", 3rd edition, 5.2, 8.1, 8.2; the others are in `change_regression` and `seasons`.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from usda_ingest.forecasting import change_regression, seasons
from usda_ingest.forecasting.grid import Floats, Grid, ago

NAIVE = "naive"
MEAN_DAYS = 5
SMOOTHING = 0.5
DRIFT_DAYS = 10
DAMPING = 0.9


class Methods:
    """All candidates on one grid; `weights` are the market's, by `change_regression.fit`."""

    def __init__(self, grid: Grid, weights: Floats) -> None:
        self._grid, self._weights = grid, weights

    @property
    def candidates(self) -> Mapping[str, Callable[[int], Floats]]:
        """Return the methods by name, naive first. What a method can't say of an origin is NaN."""
        return {
            NAIVE: self._naive,
            "short-mean": self._short_mean,
            "smoothing": self._smoothing,
            "damped-drift": self._damped_drift,
            "change-regression": self._change_regression,
            "seasonal": self._seasonal,
        }

    def _naive(self, _: int) -> Floats:
        return np.where(np.isnan(self._grid.last), np.nan, 0.0)

    def _short_mean(self, _: int) -> Floats:
        return self._to_mean

    @cached_property
    def _to_mean(self) -> Floats:
        last = self._grid.last
        return sum((ago(last, back) for back in range(MEAN_DAYS)), start=np.zeros_like(last)) / MEAN_DAYS - last

    def _smoothing(self, _: int) -> Floats:
        return self._to_level

    @cached_property
    def _to_level(self) -> Floats:
        level = self._grid.last.copy()
        for day in range(1, level.shape[1]):
            before = level[:, day - 1]
            moved = before + SMOOTHING * (level[:, day] - before)
            level[:, day] = np.where(np.isnan(before), level[:, day], moved)
        return level - self._grid.last

    def _damped_drift(self, days: int) -> Floats:
        a_day = (self._grid.last - ago(self._grid.last, DRIFT_DAYS)) / DRIFT_DAYS
        return np.asarray(a_day * sum(DAMPING**ahead for ahead in range(1, days + 1)))

    @cached_property
    def _features(self) -> Floats:
        return change_regression.features(self._grid)

    def _change_regression(self, days: int) -> Floats:
        return np.asarray(np.einsum("sti,ti->st", self._features, self._weights[days - 1]))

    @cached_property
    def _curves(self) -> Mapping[int, Floats]:
        return seasons.fit(self._grid)

    def _seasonal(self, days: int) -> Floats:
        return seasons.change(self._grid, self._curves, days)

"""Which method a series gets, and how wrong it would have been: every day chooses by what had come true by then.

The choice is inside the rolling origin: an origin's forecast is by the method that had won on earlier origins, so
that the errors kept here are those that a reader of that day would have met.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from usda_ingest.forecasting.grid import Flags, Floats, Grid
from usda_ingest.forecasting.methods import NAIVE, Methods
from usda_ingest.forecasting.model import HORIZON_DAYS

MIN_ORIGINS = 30
MIN_ORIGINS_A_HORIZON = 15
MUST_WIN = 0.97
"""Another method needs at most this share of naive's mean absolute error, and no more than naive on any horizon."""
EVALUATED_DAYS = 260
"""Origins of the last year, and a little more, are looked back at."""
MAX_CHANGE = 1.0
"""No method may say more than this change of the logarithm: to 2.7 times the price, or back."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the competition came to.

    `names` are each series' method today, `change` what it says of each horizon from the newest quote on. `errors` and
    `naive_errors` are the logarithm of actual over expected price of each evaluated origin: [series, origin, horizon],
    NaN where origin or target was not quoted.
    """

    names: tuple[str, ...]
    change: Floats
    errors: Floats
    naive_errors: Floats


def first_evaluated(grid: Grid) -> int:
    """Return the column of the first origin that is looked back at."""
    return max(0, grid.days - EVALUATED_DAYS)


def choose(grid: Grid, weights: Floats) -> Choice:
    """Let the methods compete on every origin of the last year."""
    since = first_evaluated(grid)
    rows, ends = np.arange(len(grid.histories)), grid.ends - since
    actual = _by_horizon(grid.change_after, since)
    naive_errors, race = actual, _Race(actual)
    errors, change = actual.copy(), np.zeros((len(rows), HORIZON_DAYS))
    names = np.full(len(rows), NAIVE, dtype=object)
    for name, method in Methods(grid, weights).candidates.items():
        if name == NAIVE:
            continue
        said = np.clip(_by_horizon(method, since), -MAX_CHANGE, MAX_CHANGE)
        wins = race.wins(actual - said)
        errors = np.where(wins[..., None], actual - said, errors)
        won_today = wins[rows, ends]
        names[won_today] = name
        change = np.where(won_today[:, None], said[rows, ends], change)
    return Choice(tuple(names), change, errors.astype(np.float32), naive_errors.astype(np.float32))


class _Race:
    """Keeps on each day the best share of naive's error; a method wins where it has a better one."""

    def __init__(self, naive_errors: Floats) -> None:
        self._naive = np.abs(naive_errors)
        self._best = np.full(naive_errors.shape[:2], MUST_WIN)

    def wins(self, errors: Floats) -> Flags:
        """Return where a method would have been taken: [series, day]."""
        known = ~np.isnan(errors)
        origins = _come_true(known.astype(np.float64))
        judged = origins >= MIN_ORIGINS_A_HORIZON
        own = np.where(judged, _come_true(np.where(known, np.abs(errors), 0.0)), 0.0) / np.maximum(origins, 1)
        naive = np.where(judged, _come_true(np.where(known, self._naive, 0.0)), 0.0) / np.maximum(origins, 1)
        total = naive.sum(axis=-1)
        share = np.divide(own.sum(axis=-1), total, out=np.full_like(total, np.inf), where=total > 0)
        wins = (origins.max(axis=-1) >= MIN_ORIGINS) & (own <= naive).all(axis=-1) & (share <= self._best)
        self._best = np.where(wins, share, self._best)
        return np.asarray(wins)


def _by_horizon(method: Callable[[int], Floats], since: int) -> Floats:
    return np.stack([method(days)[:, since:] for days in range(1, HORIZON_DAYS + 1)], axis=-1)


def _come_true(values: Floats) -> Floats:
    """Sum over the origins whose target lies on or before each day: [series, day, horizon]."""
    total = np.zeros_like(values)
    running = np.cumsum(values, axis=1)
    for days in range(1, min(HORIZON_DAYS + 1, values.shape[1])):
        total[:, days:, days - 1] = running[:, :-days, days - 1]
    return total

"""How wide a forecast's band is: from errors that had come true, of the series itself and of others like it.

The idea is that of conformal prediction: the forecast, give or take the 80 % quantile of past absolute errors (Lei,
G'Sell, Rinaldo, Tibshirani, Wasserman, "Distribution-free predictive inference for regression", JASA 113 (2018),
1094-1111). A series has few errors of its own, so those of its commodity, and of its market, count beside them. Which
quantile is taken follows what share the bands have held so far: level += rate * (wanted - held), as in Gibbs, Candès,
"Adaptive conformal inference under distribution shift", NeurIPS 2021.
"""

from collections.abc import Callable

import numpy as np

from usda_ingest.forecasting.grid import Flags, Floats, Integers
from usda_ingest.forecasting.model import BAND, HORIZON_DAYS

HALF_LIFE_DAYS = 10
"""An error counts half as much after so many market days: prices are calm and restless by turns."""
COMMODITY_WEIGHT = 3.0
"""The errors of other series of the commodity count as so many of the series' own."""
MARKET_WEIGHT = 10.0
"""The errors of the whole market count as so many of the commodity's."""
LEVEL_RATE = 0.1
LOWEST_LEVEL, HIGHEST_LEVEL = 0.5, 0.95
FEW = 10
"""What fewer judged bands than about this many say of a day is believed in part only."""

_BINS = 128
_SMALLEST, _LARGEST = 0.002, 2.0
# Errors are kept by size: the first bin is 'none', the others grow by 5.6 %.
_EDGES = np.concatenate([[0.0], np.geomspace(_SMALLEST, _LARGEST, _BINS - 1)])
_TOLERANCE = 1e-5
_HALVINGS = 7  # of 128 bins


def half_widths(errors: Floats, step: Floats, commodity: Integers, is_public: Flags) -> Floats:
    """Return half the width of each origin's band, as a difference of logarithms: [series, origin, horizon].

    It walks through the days: a day's widths are said before later errors are learnt. The last day's are today's.

    Args:
        errors: [series, origin, horizon], by `Choice`.
        step: the least half-width, [series, origin].
        commodity: a number from 0 on for each series' commodity, never falling from one series to the next.
        is_public: origins that had quotes enough for a forecast; how theirs held moves the level.

    """
    memory = _Memory(errors, commodity)
    widths = np.full(errors.shape, np.nan)
    levels = np.full(HORIZON_DAYS, BAND)
    sizes = np.abs(errors)
    for day in range(errors.shape[1]):
        for horizon in range(min(HORIZON_DAYS, day)):
            origin = day - horizon - 1
            rows = np.nonzero(~np.isnan(sizes[:, origin, horizon]))[0]
            memory.learn(day, horizon, rows, sizes[rows, origin, horizon])
            judged = rows[is_public[rows, origin]]
            held = sizes[judged, origin, horizon] <= widths[judged, origin, horizon] + _TOLERANCE
            levels[horizon] += LEVEL_RATE * (BAND * len(held) - held.sum()) / (len(held) + FEW)
        np.clip(levels, LOWEST_LEVEL, HIGHEST_LEVEL, out=levels)
        rows = np.nonzero(~np.isnan(step[:, day]))[0]
        widths[rows, day] = np.fmax(memory.quantiles(day, rows, levels), step[rows, day, None])
    return widths


class _Memory:
    """How many errors are no larger than each edge: of series, commodities, market.

    New errors weigh more, instead of old ones less every day.
    """

    def __init__(self, errors: Floats, commodity: Integers) -> None:
        self._commodity = commodity
        self._own = np.zeros((HORIZON_DAYS, len(errors), _BINS))
        self._pool = np.zeros((HORIZON_DAYS, int(commodity[-1]) + 1, _BINS))
        self._market = np.zeros((HORIZON_DAYS, _BINS))

    def learn(self, day: int, horizon: int, rows: Integers, sizes: Floats) -> None:
        if not len(rows):
            return
        bins = np.searchsorted(_EDGES, sizes).clip(max=_BINS - 1)
        weights = np.where(bins[:, None] <= np.arange(_BINS), _growth(day), 0.0)
        self._own[horizon, rows] += weights
        numbers, starts = np.unique(self._commodity[rows], return_index=True)
        self._pool[horizon, numbers] += np.add.reduceat(weights, starts, axis=0)
        self._market[horizon] += weights.sum(axis=0)

    def quantiles(self, day: int, rows: Integers, levels: Floats) -> Floats:
        """Return the error that a share of all do not exceed, NaN where there are none: [row, horizon]."""
        scale, commodity = 1 / _growth(day), self._commodity[rows]
        own_total = self._own[:, rows, -1].T * scale
        market_total = self._market[:, -1]
        others_total = self._pool[:, commodity, -1].T * scale - own_total
        lent_total = np.maximum(others_total, 0.0) + np.where(market_total > 0, MARKET_WEIGHT, 0.0)
        lent = np.divide(COMMODITY_WEIGHT, lent_total, out=np.zeros_like(lent_total), where=lent_total > 0)
        of_market = np.divide(MARKET_WEIGHT, market_total, out=np.zeros_like(market_total), where=market_total > 0)
        horizons = np.arange(HORIZON_DAYS)

        def share_below(bins: Integers) -> Floats:
            own = self._own[horizons, rows[:, None], bins] * scale
            others = self._pool[horizons, commodity[:, None], bins] * scale - own
            return np.asarray(own + lent * (others + of_market * self._market[horizons, bins]))

        total = own_total + np.where(lent > 0, COMMODITY_WEIGHT, 0.0)
        found = _first_bin(share_below, levels * total * (1 - _TOLERANCE))
        return _filled(np.where(total > 0, _EDGES[found], np.nan))


def _first_bin(count: Callable[[Integers], Floats], wanted: Floats) -> Integers:
    """Return the first bin up to which there are so many errors, by halving."""
    low, high = np.zeros(wanted.shape, dtype=np.int64), np.full(wanted.shape, _BINS - 1)
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        is_enough = count(middle) >= wanted
        low, high = np.where(is_enough, low, middle + 1), np.where(is_enough, middle, high)
        low = np.minimum(low, high)
    return high


def _growth(day: int) -> float:
    return float(2.0 ** (day / HALF_LIFE_DAYS))


def _filled(widths: Floats) -> Floats:
    """Let no horizon be narrower than a shorter one; fill one on which nothing was ever quoted.

    It takes the next longer one's width; or it grows from the next shorter one's as a random walk does.
    """
    for horizon in range(HORIZON_DAYS - 2, -1, -1):
        here, longer = widths[:, horizon], widths[:, horizon + 1]
        widths[:, horizon] = np.where(np.isnan(here), longer, here)
    for horizon in range(1, HORIZON_DAYS):
        here, shorter = widths[:, horizon], widths[:, horizon - 1]
        grown = shorter * np.sqrt((horizon + 1) / horizon)
        widths[:, horizon] = np.where(np.isnan(here), grown, np.fmax(here, shorter))
    return widths

"""A yearly curve through a series that has seen two seasons: Fourier terms fitted to the quotes so far.

Source: Hyndman, Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 7.4.
"""

from collections.abc import Mapping

import numpy as np

from usda_ingest.forecasting.grid import Floats, Grid, Integers, ordinals
from usda_ingest.forecasting.market_days import DAYS_A_YEAR

_YEAR = 365.25
HARMONICS = 2
SEASON_DAYS = 2 * DAYS_A_YEAR
MIN_QUOTES = 60
SHARE = 0.5
"""How much of the curve's change is believed."""
_RIDGE = 1.0
_TINY = 1e-9


def change(grid: Grid, curves: Mapping[int, Floats], days: int) -> Floats:
    """Return how the curves change over so many days from each day on; NaN where there is none."""
    expected = np.full_like(grid.last, np.nan)
    for row, coefficients in curves.items():
        since = grid.days - len(coefficients)
        axis = np.arange(since, grid.days)
        turned = _harmonics(_years(grid, axis + days)) - _harmonics(_years(grid, axis))
        expected[row, since:] = SHARE * np.einsum("ti,ti->t", turned, coefficients)
    return expected


def fit(grid: Grid) -> Mapping[int, Floats]:
    """Return coefficients by row for each day from the first that has seen two seasons: [day, harmonic]."""
    years = _years(grid, np.arange(grid.days))
    terms = np.column_stack([np.ones(grid.days), years - years[0], _harmonics(years)])
    penalty = np.diag([_TINY, _TINY, *([_RIDGE] * (2 * HARMONICS))])
    curves = {}
    for row in range(len(grid.histories)):
        since = int(np.argmax(grid.is_quoted[row])) + SEASON_DAYS
        if since >= grid.days or grid.counts[row, since] < MIN_QUOTES:
            continue
        x = np.where(grid.is_quoted[row][:, None], terms, 0.0)
        y = np.where(grid.is_quoted[row], grid.last[row], 0.0)
        squares = np.cumsum(np.einsum("ti,tj->tij", x, x), axis=0)[since:]
        products = np.cumsum(x * y[:, None], axis=0)[since:]
        curves[row] = np.linalg.solve(squares + penalty, products[..., None])[:, 2:, 0]
    return curves


def _years(grid: Grid, columns: Integers) -> Floats:
    """Return when columns are, in years of the sun: holidays do not hold up a season."""
    return np.asarray(ordinals(grid.first + columns) / _YEAR)


def _harmonics(years: Floats) -> Floats:
    angles = 2 * np.pi * np.outer(years, np.arange(1, HARMONICS + 1))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

"""A yearly curve through a series that has seen two seasons: Fourier terms fitted to the quotes so far.

Source: Hyndman, Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 7.4.
"""

from collections.abc import Mapping

import numpy as np

from usda_ingest.forecasting.business_days import DAYS_A_WEEK
from usda_ingest.forecasting.grid import Floats, Grid, Integers

DAYS_A_YEAR = 365.25 * DAYS_A_WEEK / 7
HARMONICS = 2
SEASON_DAYS = int(2 * DAYS_A_YEAR)
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
        expected[row, since:] = SHARE * np.einsum("ti,ti->t", _harmonics(axis + days) - _harmonics(axis), coefficients)
    return expected


def fit(grid: Grid) -> Mapping[int, Floats]:
    """Return coefficients by row for each day from the first that has seen two seasons: [day, harmonic]."""
    axis = np.arange(grid.days)
    terms = np.column_stack([np.ones(grid.days), axis / DAYS_A_YEAR, _harmonics(axis)])
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


def _harmonics(axis: Integers) -> Floats:
    angles = 2 * np.pi * np.outer(axis / DAYS_A_YEAR, np.arange(1, HARMONICS + 1))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

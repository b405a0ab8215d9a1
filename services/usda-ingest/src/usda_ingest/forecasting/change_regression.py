"""What changes of a market's prices have followed from: the gap to the usual price and the week's momentum.

One regression for the whole market and each horizon, by ridge (Hoerl, Kennard, "Ridge regression: biased estimation
for nonorthogonal problems", Technometrics 12 (1970), 55-67): (X'X + k I)^-1 X'y, so that little evidence says little.
"""

from collections.abc import Sequence

import numpy as np

from usda_ingest.forecasting.grid import Floats, Grid, ago
from usda_ingest.forecasting.market_days import DAYS_A_WEEK
from usda_ingest.forecasting.model import HORIZON_DAYS

USUAL_DAYS = 20
RIDGE = 0.05
_FEATURES = 2


def features(grid: Grid) -> Floats:
    """Return gap and momentum of each series on each day; NaN while it is too young: [series, day, feature]."""
    usual = sum((ago(grid.last, back) for back in range(USUAL_DAYS)), start=np.zeros_like(grid.last)) / USUAL_DAYS
    return np.stack([grid.last - usual, grid.last - ago(grid.last, DAYS_A_WEEK)], axis=-1)


def fit(grids: Sequence[Grid]) -> Floats:
    """Return the weights that each day could have known: [horizon, day, feature].

    Args:
        grids: the series of a market in parts, all with the same columns.

    """
    days = grids[0].days
    squares, products = np.zeros((HORIZON_DAYS, days, _FEATURES, _FEATURES)), np.zeros((HORIZON_DAYS, days, _FEATURES))
    for grid in grids:
        found = features(grid)
        for horizon in range(HORIZON_DAYS):
            more = _sums(found, grid.change_after(horizon + 1))
            squares[horizon] += more[0]
            products[horizon] += more[1]
    squares, products = np.cumsum(squares, axis=1), np.cumsum(products, axis=1)
    weights = np.linalg.solve(squares + RIDGE * np.eye(_FEATURES), products[..., None])[..., 0]
    known = np.zeros_like(weights)
    for ahead in range(1, min(HORIZON_DAYS + 1, days)):
        known[ahead - 1, ahead:] = weights[ahead - 1, :-ahead]  # a change is known when its end is
    return known


def _sums(found: Floats, change: Floats) -> tuple[Floats, Floats]:
    is_known = ~np.isnan(found).any(axis=-1) & ~np.isnan(change)
    x, y = np.where(is_known[..., None], found, 0.0), np.where(is_known, change, 0.0)
    return np.einsum("sti,stj->tij", x, x), np.einsum("sti,st->ti", x, y)

"""The line through a series' last quotes, with an error that knows that neighbouring quotes resemble each other."""

from dataclasses import dataclass

import numpy as np

from usda_ingest.forecasting.grid import Floats, Integers
from usda_ingest.forecasting.market_days import DAYS_A_WEEK

MAX_QUOTES = 60
BAND = 0.95
_NORMAL_QUANTILE = 1.96


@dataclass(frozen=True, slots=True)
class Line:
    """Logarithms of the line and half the width of its band at each quote, the slope a week with its half-width."""

    value: Floats
    half_width: Floats
    week: float
    week_half_width: float


def line(days: Integers, logarithms: Floats) -> Line:
    """Fit ordinary least squares on the market day, with Newey and West's covariance of the coefficients.

    V = (X'X)^-1 [G0 + sum_l (1 - l/(L+1)) (Gl + Gl')] (X'X)^-1, where Gl = sum_t u_t u_(t-l) x_t x_(t-l)', u are the
    residuals and L = floor(4 (n/100)^(2/9)); times n / (n - 2) for the two coefficients. Sources: Newey, West, "A
    simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix", Econometrica
    55 (1987), 703-708; L and its exponent: Newey, West, Review of Economic Studies 61 (1994), 631-653.
    """
    count = len(days)
    x = np.column_stack([np.ones(count), days - days.mean()])
    inverse = np.linalg.inv(x.T @ x)
    coefficients = inverse @ x.T @ logarithms
    scores = x * (logarithms - x @ coefficients)[:, None]
    inner = scores.T @ scores
    lags = int(4 * (count / 100) ** (2 / 9))
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        inner += (1 - lag / (lags + 1)) * (product + product.T)
    covariance = inverse @ inner @ inverse * count / (count - 2)
    error = np.sqrt(np.maximum(np.einsum("ti,ij,tj->t", x, covariance, x), 0.0))
    slope_error = float(np.sqrt(max(covariance[1, 1], 0.0)))
    return Line(
        x @ coefficients,
        _NORMAL_QUANTILE * error,
        float(coefficients[1]) * DAYS_A_WEEK,
        _NORMAL_QUANTILE * slope_error * DAYS_A_WEEK,
    )

"""The line: its slope, and an error bar that does not take resembling quotes for independent ones."""

from datetime import date

import numpy as np
import pytest
from usda_ingest.forecasting.market_days import number
from usda_ingest.forecasting.trend import line

BEGIN = number(date(2024, 1, 1))


def test_a_line_is_found_exactly() -> None:
    days = BEGIN + np.array([0, 1, 2, 5, 6, 10, 11, 12, 15, 20, 21, 22, 23, 24, 30])
    found = line(days, 3 + 0.01 * (days - BEGIN))
    assert found.week == pytest.approx(0.05)
    assert found.week_half_width == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.value, 3 + 0.01 * (days - BEGIN))


def newey_west_slope_error(days: np.ndarray, values: np.ndarray) -> float:  # type: ignore[type-arg]
    """Compute the slope's standard error term by term, as the paper writes it."""
    count = len(days)
    x = np.column_stack([np.ones(count), days])
    u = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    lags = int(4 * (count / 100) ** (2 / 9))
    inner = sum(u[t] ** 2 * np.outer(x[t], x[t]) for t in range(count))
    for lag in range(1, lags + 1):
        for t in range(lag, count):
            term = u[t] * u[t - lag] * np.outer(x[t], x[t - lag])
            inner = inner + (1 - lag / (lags + 1)) * (term + term.T)
    inverse = np.linalg.inv(x.T @ x)
    return float(np.sqrt((inverse @ inner @ inverse)[1, 1] * count / (count - 2)))


def test_the_error_is_newey_and_wests() -> None:
    days = np.arange(50)
    values = np.cumsum(np.random.default_rng(4).normal(0, 0.02, 50))
    expected = newey_west_slope_error(days - days.mean(), values)
    assert line(days + BEGIN, values).week_half_width == pytest.approx(1.96 * 5 * expected)


def test_the_interval_is_wider_than_the_textbooks_where_quotes_resemble_their_neighbours() -> None:
    random, wider = np.random.default_rng(5), 0
    days = np.arange(60)
    for _ in range(50):
        noise = np.zeros(60)
        for at in range(1, 60):
            noise[at] = 0.9 * noise[at - 1] + random.normal(0, 0.02)
        residuals = noise - np.polyval(np.polyfit(days, noise, 1), days)
        textbook = np.sqrt(residuals @ residuals / 58 / ((days - days.mean()) @ (days - days.mean())))
        wider += line(days + BEGIN, noise).week_half_width > 1.2 * 1.96 * 5 * textbook
    assert wider >= 45

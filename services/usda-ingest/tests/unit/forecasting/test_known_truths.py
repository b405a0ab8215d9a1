"""Series whose truth is known: the right method is picked, and the band holds what it says."""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from usda_ingest.forecasting.grid import History
from usda_ingest.forecasting.market import expectations
from usda_ingest.forecasting.market_days import day, number
from usda_ingest.forecasting.outcome import Expectation

Series = npt.NDArray[np.float64]
SERIES, YEAR = 24, 260
BEGIN = number(date(2022, 1, 3))


@cache
def market(make: Callable[[np.random.Generator, int], Series], days: int) -> list[Expectation]:
    """Forecast a market of 24 series of four commodities, each made with its own seed."""
    ordinals = [day(BEGIN + place).toordinal() for place in range(days)]
    histories = []
    for seed in range(SERIES):
        prices = np.exp(make(np.random.default_rng(seed), days))
        histories.append(History(uuid.UUID(int=seed), f"commodity {seed % 4}", ordinals, [float(p) for p in prices]))
    return list(expectations(histories).values())


def random_walk(random: np.random.Generator, days: int) -> Series:
    return 3 + np.cumsum(random.normal(0, 0.02, days))


def rising(random: np.random.Generator, days: int) -> Series:
    return 3 + 0.004 * np.arange(days) + random.normal(0, 0.001, days)


def around_a_mean(random: np.random.Generator, days: int) -> Series:
    return 3 + random.normal(0, 0.05, days)


def yearly(random: np.random.Generator, days: int) -> Series:
    years = np.array([day(BEGIN + place).toordinal() for place in range(days)]) / 365.25
    wave = 0.5 * np.sin(2 * np.pi * (years + random.random()))
    return np.asarray(3 + wave + np.cumsum(random.normal(0, 0.01, days)))


def among_walks(make: Callable[[np.random.Generator, int], Series]) -> Callable[[np.random.Generator, int], Series]:
    """Make every fourth series this way and the others random walks, from which nothing can be learnt for it."""
    turn = iter(range(10**6))

    def mixed(random: np.random.Generator, days: int) -> Series:
        return make(random, days) if next(turn) % 4 == 0 else random_walk(random, days)

    return mixed


def flat_with_jumps(random: np.random.Generator, days: int) -> Series:
    jumps = np.where(random.random(days) < 0.08, random.choice([-0.1, -0.05, 0.05, 0.1], days), 0.0)
    return np.asarray(3 + np.cumsum(jumps))


def methods(expected: list[Expectation]) -> Counter[str]:
    return Counter(one.method for one in expected)


@pytest.mark.parametrize("make", [random_walk, flat_with_jumps])
def test_where_nothing_can_be_known_naive_stays(make: Callable[[np.random.Generator, int], Series]) -> None:
    assert methods(market(make, YEAR))["naive"] >= SERIES - 1


def test_a_steady_rise_is_followed() -> None:
    expected = market(among_walks(rising), YEAR)
    assert methods(expected[: SERIES // 4]) == {"damped-drift": SERIES // 4}
    walks = expected[SERIES // 4 :]
    assert methods(walks)["naive"] >= len(walks) * 3 // 4
    for at in range(3):  # and those that another method won by luck are not much worse for it
        tests = [one.backtest[at] for one in walks]
        assert sum(test.mape_pct or 0 for test in tests) <= 1.01 * sum(test.naive_mape_pct or 0 for test in tests)
    assert all(np.all(np.diff(one.value) > 0) for one in expected[: SERIES // 4])
    tests = [one.backtest[1] for one in expected[: SERIES // 4]]
    assert all(test.mape_pct < 0.7 * test.naive_mape_pct for test in tests if test.mape_pct and test.naive_mape_pct)


def test_what_swings_around_a_mean_is_expected_to_return_to_it() -> None:
    expected = market(around_a_mean, YEAR)
    assert methods(expected)["naive"] == 0
    assert np.mean([abs(one.value[4] - 3) for one in expected]) < 0.03


def test_a_season_is_seen_after_two_years_of_it_and_not_before() -> None:
    assert methods(market(among_walks(yearly), 2 * YEAR))["seasonal"] == 0
    expected = market(among_walks(yearly), 3 * YEAR)
    seasonal = expected[: SERIES // 4]
    assert methods(seasonal)["naive"] == 0
    assert methods(seasonal)["seasonal"] >= 2


@pytest.mark.parametrize("make", [random_walk, rising, around_a_mean, yearly])
def test_the_band_holds_eight_of_ten(make: Callable[[np.random.Generator, int], Series]) -> None:
    for at, days in enumerate((1, 5, 10)):
        tests = [one.backtest[at] for one in market(make, YEAR)]
        origins = sum(test.origins for test in tests)
        held = sum((test.coverage or 0) * test.origins for test in tests) / origins
        assert origins > SERIES * 200
        assert 0.75 <= held <= 0.88, (days, held)


def test_a_flat_series_has_the_narrowest_band_and_holds_at_least_what_does_not_move() -> None:
    for at in range(3):
        tests = [one.backtest[at] for one in market(flat_with_jumps, YEAR)]
        held = np.average([test.coverage or 0 for test in tests], weights=[test.origins for test in tests])
        unchanged = np.average([test.unchanged or 0 for test in tests], weights=[test.origins for test in tests])
        assert max(0.75, unchanged) <= held <= max(0.9, unchanged + 0.06)

"""What was said of a day depends on nothing that came after it, and not on the order in which things are given."""

import uuid
from datetime import date

import numpy as np
from usda_ingest.forecasting import bands, change_regression
from usda_ingest.forecasting.choice import choose
from usda_ingest.forecasting.grid import Floats, Grid, History
from usda_ingest.forecasting.market import expectations
from usda_ingest.forecasting.market_days import day, number

BEGIN, DAYS, CUT = number(date(2024, 1, 1)), 200, 150


def histories(seed: int, days: int = DAYS) -> list[History]:
    """Make twelve series that rise, swing and jump, with holes."""
    random = np.random.default_rng(seed)
    made = []
    for place in range(12):
        drift = np.cumsum(random.normal(0.002 * (place % 3), 0.02, DAYS))
        prices = np.exp(3 + drift + random.normal(0, 0.03 * (place % 2), DAYS))
        quoted = [at for at in range(DAYS) if random.random() < 0.9][: DAYS - 5]
        kept = [at for at in quoted if at < days]
        ordinals = [day(BEGIN + at).toordinal() for at in kept]
        history = History(uuid.UUID(int=place), f"commodity {place // 4}", ordinals, [float(prices[at]) for at in kept])
        made.append(history)
    return made


def told_on_each_day(series: list[History], end: int) -> tuple[Floats, Floats]:
    """Return errors of past forecasts and half-widths, of a table that ends on this day."""
    grid = Grid(series, BEGIN, BEGIN + end - 1)
    choice = choose(grid, change_regression.fit([grid]))
    step = np.where(grid.is_quoted, grid.step, np.nan)
    commodity = np.repeat(np.arange(3), 4)
    return choice.errors, bands.half_widths(choice.errors, step, commodity, grid.counts >= 15)


def test_what_comes_later_changes_nothing_that_was_said_before() -> None:
    errors, widths = told_on_each_day(histories(1), DAYS)
    cut_errors, cut_widths = told_on_each_day(histories(1, CUT), CUT)
    np.testing.assert_array_equal(widths[:, :CUT], cut_widths)
    for horizon in range(10):
        judged = CUT - horizon - 1
        np.testing.assert_array_equal(errors[:, :judged, horizon], cut_errors[:, :judged, horizon])
        assert np.isnan(cut_errors[:, judged:, horizon]).all()
    assert np.isfinite(cut_errors).sum() > 1_000


def test_the_forecast_of_today_is_what_the_backtest_would_have_said_of_it() -> None:
    past = expectations(histories(2, CUT))
    later = told_on_each_day(histories(2), DAYS)[0]
    compared = 0
    for place, history in enumerate(histories(2, CUT)):
        origin = number(date.fromordinal(history.ordinals[-1])) - BEGIN
        actual = dict(zip(histories(2)[place].ordinals, histories(2)[place].prices, strict=True))
        for horizon in range(10):
            price = actual.get(day(BEGIN + origin + horizon + 1).toordinal())
            if price is not None:
                said = np.log(price) - past[history.series_id].value[horizon]
                np.testing.assert_allclose(later[place, origin, horizon], said, atol=1e-5)
                compared += 1
    assert compared > 50


def test_the_order_of_the_series_changes_nothing() -> None:
    series = histories(3)
    forwards, backwards = expectations(series), expectations(series[::-1])
    for history in series:
        one, other = forwards[history.series_id], backwards[history.series_id]
        assert (one.method, one.backtest) == (other.method, other.backtest)
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.half_width, other.half_width)


def test_a_holiday_is_no_day_on_which_the_price_stood_still() -> None:
    quoted = [at for at in range(60) if at not in (20, 21)]
    history = History(
        uuid.uuid4(), "c", [day(BEGIN + at).toordinal() for at in quoted], [10.0 + at % 2 for at in quoted]
    )
    grid = Grid([history], BEGIN, BEGIN + 59)
    change = grid.change_after(1)[0]
    assert np.isnan(change[[19, 20, 21]]).all()
    assert np.isfinite(change[:19]).all()
    assert np.isfinite(grid.change_after(3)[0][19])


def test_a_weekend_quote_is_fridays_and_the_later_one_counts() -> None:
    friday = date(2024, 1, 5).toordinal()
    history = History(uuid.uuid4(), "c", [friday, friday + 1, friday + 3], [10.0, 11.0, 12.0])
    grid = Grid([history], number(date(2024, 1, 5)), number(date(2024, 1, 8)))
    assert grid.prices.tolist() == [[11.0, 12.0]]

"""Trend and forecast of the series of one market, which lend each other their errors."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np

from usda_ingest.forecasting import bands, change_regression, market_days
from usda_ingest.forecasting.choice import Choice, choose, first_evaluated
from usda_ingest.forecasting.grid import HISTORY_DAYS, Flags, Floats, Grid, History
from usda_ingest.forecasting.model import (
    BAND,
    MIN_JUDGED,
    MIN_QUOTES,
    OK,
    REPORTED_DAYS,
    STALE,
    TOO_FEW,
)
from usda_ingest.forecasting.outcome import Backtest, Expectation, Outcome, forecast_of, trend_of

PART_SERIES = 100
"""How many series are worked on at once: their methods' tables are what needs memory."""
_SAME = 1e-9
_WIDTH_TOLERANCE = 1e-5


def outcomes(histories: Sequence[History], wanted: Collection[UUID], today: date) -> Iterator[Outcome]:
    """Yield what is to be stored of the wanted series.

    Args:
        histories: all series of the market that have quotes; the wanted ones among them.
        wanted: the series that are due. One that is in no history has no quotes any more.
        today: the day by which quotes are stale.

    """
    oldest = market_days.number(market_days.oldest_fresh(today))
    due = [history for history in histories if history.series_id in wanted]
    statuses = {history.series_id: _status(history, oldest) for history in due}
    is_any = OK in statuses.values()
    expected = expectations(histories) if is_any else {}
    for history in due:
        status = statuses[history.series_id]
        yield Outcome(
            history.series_id,
            date.fromordinal(int(history.ordinals[-1])),
            len(history.ordinals),
            status,
            trend_of(history),
            forecast_of(history, expected[history.series_id]) if status == OK else None,
        )
    for series_id in set(wanted) - statuses.keys():
        yield Outcome(series_id, None, 0, TOO_FEW, None, None)


@dataclass(frozen=True, slots=True)
class Past:
    """What would have been forecast in the last year and how it came out, one row a series.

    Arrays are [series, origin, horizon], `step` and `is_public` [series, origin]; errors are NaN where origin or target
    was not quoted. `is_public` are origins with quotes enough for a forecast that readers would have seen.
    """

    grids: Sequence[Grid]
    choices: Sequence[Choice]
    weights: Floats
    errors: Floats
    naive_errors: Floats
    widths: Floats
    step: Floats
    is_public: Flags


def compete(histories: Sequence[History]) -> Past:
    """Let the methods compete on every series of a market, and walk through the year once more to set the bands."""
    ordered = sorted(histories, key=lambda history: (history.commodity, str(history.series_id)))
    end = max(market_days.number(date.fromordinal(int(history.ordinals[-1]))) for history in ordered)
    begin = min(market_days.number(date.fromordinal(int(history.ordinals[0]))) for history in ordered)
    first = max(begin, end - HISTORY_DAYS + 1)
    recent = [history for history in ordered if history.ordinals[-1] >= market_days.day(first).toordinal()]
    grids = [Grid(part, first, end) for part in _parts(recent)]
    weights = change_regression.fit(grids)
    choices = [choose(grid, weights) for grid in grids]
    since = first_evaluated(grids[0])
    step = np.concatenate([np.where(grid.is_quoted, grid.step, np.nan)[:, since:] for grid in grids])
    is_public = np.concatenate([grid.counts[:, since:] >= MIN_QUOTES for grid in grids])
    errors = np.concatenate([choice.errors for choice in choices])
    naive_errors = np.concatenate([choice.naive_errors for choice in choices])
    _, commodity = np.unique([history.commodity for history in recent], return_inverse=True)
    widths = bands.half_widths(errors, step, commodity, is_public)
    return Past(grids, choices, weights, errors, naive_errors, widths, step, is_public)


def expectations(histories: Sequence[History]) -> dict[UUID, Expectation]:
    """Forecast every series of a market; below `MIN_QUOTES` quotes it is nothing to be told."""
    return dict(_expectations(compete(histories)))


def _expectations(past: Past) -> Iterator[tuple[UUID, Expectation]]:
    row = 0
    for grid, choice in zip(past.grids, past.choices, strict=True):
        ends = grid.ends - first_evaluated(grid)
        for place, history in enumerate(grid.histories):
            judged = _Judged(
                np.where(past.is_public[row][:, None], past.errors[row], np.nan),
                past.naive_errors[row],
                past.widths[row],
                past.step[row],
            )
            yield (
                history.series_id,
                Expectation(
                    choice.names[place],
                    grid.last[place, grid.ends[place]] + choice.change[place],
                    past.widths[row, ends[place]],
                    tuple(judged.backtest(days) for days in REPORTED_DAYS),
                ),
            )
            row += 1


class _Judged:
    """A series' past forecasts: [origin, horizon]; NaN in `errors` where there was none or its day had no quote."""

    def __init__(self, errors: Floats, naive_errors: Floats, widths: Floats, step: Floats) -> None:
        self._errors, self._naive_errors, self._widths, self._step = errors, naive_errors, widths, step

    def backtest(self, days: int) -> Backtest:
        rows = np.nonzero(~np.isnan(self._errors[:, days - 1]))[0]
        if not len(rows):
            return Backtest(days, 0, None, None, None, None, None)
        errors, naive = self._errors[rows, days - 1], self._naive_errors[rows, days - 1]
        widths = self._widths[rows, days - 1]
        is_told = len(rows) >= MIN_JUDGED
        held = np.abs(errors) <= widths + _WIDTH_TOLERANCE
        own_band = np.fmax(np.quantile(np.abs(naive), BAND), self._step[rows])
        ratio = float(np.sinh(widths).mean() / np.sinh(own_band).mean())
        return Backtest(
            days,
            len(rows),
            _mape(errors),
            _mape(naive),
            round(float(held.mean()), 3) if is_told else None,
            round(ratio, 3) if is_told else None,
            round(float((np.abs(naive) < _SAME).mean()), 3),
        )


def _mape(errors: Floats) -> float:
    """Return the mean absolute error in per cent of what came true, from the logarithms of actual over expected."""
    return round(float(np.abs(np.expm1(-errors.astype(np.float64))).mean()) * 100, 2)


def _status(history: History, oldest: int) -> str:
    if len(history.ordinals) < MIN_QUOTES:
        return TOO_FEW
    is_stale = market_days.number(date.fromordinal(int(history.ordinals[-1]))) < oldest
    return STALE if is_stale else OK


def _parts(histories: Sequence[History]) -> Iterator[Sequence[History]]:
    for start in range(0, len(histories), PART_SERIES):
        yield histories[start : start + PART_SERIES]

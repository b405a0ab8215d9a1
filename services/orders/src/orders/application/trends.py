"""How a series has moved and may move: what stands beside a price on the order page and in the planning of a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

HISTORY_DAYS = 30
"""How far back the points of a sparkline reach, in days before today."""


@dataclass(frozen=True, slots=True)
class Band:
    """What the forecast expects on a day, with its 80 % band; USD per package."""

    on: date
    value: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Trend:
    """`points` are the references of the last month, oldest first, days without a quote missing.

    `change_pct_week` compares the last point with the last one at least five days older (a market week); None: too few
    points. `band` is the forecast's for the first day after its `as_of` that is not over; None: no forecast reaches it.
    """

    series_id: str
    points: tuple[tuple[date, Decimal], ...]
    change_pct_week: Decimal | None
    band: Band | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the USDA service expects of a series from its quotes up to `as_of`.

    `trend_pct_week` None: too few quotes; `coverage` is the share of past quotes that fell into the band.
    """

    series_id: str
    as_of: date
    trend_pct_week: Decimal | None
    method: str
    points: tuple[Band, ...]
    coverage: Decimal | None


@dataclass(frozen=True, slots=True)
class Day:
    """A day's quote; `low` and `high` None: only the reference was told. USD per package."""

    on: date
    low: Decimal | None
    high: Decimal | None
    reference: Decimal


@dataclass(frozen=True, slots=True)
class History:
    """The last month of a series, oldest first, and the latest forecast with those of its points that are not over."""

    days: tuple[Day, ...]
    forecast: Forecast | None


class Trends(Protocol):
    def of(self, series_ids: Iterable[str]) -> Mapping[str, Trend]:
        """Return what is known of these series, in two statements however many there are; unknown ones are missing."""

    def history(self, series_id: str) -> History:
        """Return what a chart of one series shows; empty for an unknown one."""


MARKET_WEEK_DAYS = 5


def change_pct(points: tuple[tuple[date, Decimal], ...]) -> Decimal | None:
    """Return by how many per cent the last point differs from the last one at least five days older, to a tenth."""
    if not points:
        return None
    last_on, last = points[-1]
    week_ago = last_on - timedelta(days=MARKET_WEEK_DAYS)
    older = next((value for on, value in reversed(points) if on <= week_ago), None)
    if not older:
        return None
    return ((last / older - 1) * 100).quantize(Decimal("0.1"))

"""The chart of a market series, worked out as lines and areas that the template only has to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from orders.application.trends import Band, Day, History
from orders.domain.pricing import business_days_between

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 88, 16, 16, 36
MOST_LINES = 5
DAY_ROOM = 150
_STEPS = tuple(Decimal(step).scaleb(power) for power in range(-2, 6) for step in (1, 2, 5))


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on an axis and what is written there."""

    at: float
    value: Decimal
    day: date | None = None


@dataclass(frozen=True, slots=True)
class PriceChart:
    """Coordinates as SVG takes them; empty texts where there is nothing to draw."""

    band: str
    line: str
    fan: str
    expected: str
    last: tuple[float, float] | None
    prices: tuple[Mark, ...]
    days: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def chart_of(history: History) -> PriceChart | None:
    """Work out the chart; None when there is nothing to show."""
    days, bands = history.days, history.forecast.points if history.forecast else ()
    if not days:
        return None
    first, last = days[0].on, max([days[-1].on, *(band.on for band in bands)])
    step, least, most = _scale(_prices(days, bands))
    across = max(business_days_between(first, last), 1)

    def x(on: date) -> float:
        # By business days: no market on weekends, so no gap that looks as if something were missing.
        return round(LEFT + (WIDTH - LEFT - RIGHT) * business_days_between(first, on) / across, 1)

    def y(price: Decimal) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * float((most - price) / (most - least)), 1)

    ranged = [(day.on, day.low, day.high) for day in days if day.low is not None and day.high is not None]
    begin = (days[-1].on, days[-1].reference, days[-1].reference)
    fan = [begin, *((band.on, band.low, band.high) for band in bands)] if bands else []
    return PriceChart(
        band=_area(ranged, x, y),
        line=_points([(day.on, day.reference) for day in days], x, y),
        fan=_area(fan, x, y),
        expected=_points([begin[:2], *((band.on, band.value) for band in bands)], x, y) if bands else "",
        last=(x(days[-1].on), y(days[-1].reference)),
        prices=tuple(Mark(y(least + step * n), least + step * n) for n in range(int((most - least) / step) + 1)),
        days=_day_marks([Mark(x(on), Decimal(0), on) for on in (first, days[-1].on, last)]),
    )


def _day_marks(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Leave out a day that would be written into the one before it."""
    kept = list(marks[:1])
    for mark in marks[1:]:
        if mark.at - kept[-1].at >= DAY_ROOM:
            kept.append(mark)
    return tuple(kept)


def _prices(days: Sequence[Day], bands: Sequence[Band]) -> list[Decimal]:
    of_days = [price for day in days for price in (day.low, day.high, day.reference) if price is not None]
    return [*of_days, *(price for band in bands for price in (band.low, band.value, band.high))]


def _scale(prices: Sequence[Decimal]) -> tuple[Decimal, Decimal, Decimal]:
    """Return the distance of the lines, the lowest and the highest: round dollars around the prices."""
    low, high = min(prices), max(prices)
    step = next((step for step in _STEPS if (high - low) / step < MOST_LINES - 1), _STEPS[-1])
    least = (low / step).to_integral_value(ROUND_FLOOR) * step
    most = (high / step).to_integral_value(ROUND_CEILING) * step
    return (step, least, most) if most > least else (step, max(least - step, Decimal(0)), most + step)


def _points(places: Sequence[tuple[date, Decimal]], x: Callable[[date], float], y: Callable[[Decimal], float]) -> str:
    return " ".join(f"{x(on)},{y(price)}" for on, price in places)


def _area(
    places: Sequence[tuple[date, Decimal, Decimal]], x: Callable[[date], float], y: Callable[[Decimal], float]
) -> str:
    """Walk along the highs and back along the lows."""
    there = [f"{x(on)},{y(high)}" for on, _, high in places]
    back = [f"{x(on)},{y(low)}" for on, low, _ in reversed(places)]
    return " ".join((*there, *back)) if len(places) > 1 else ""

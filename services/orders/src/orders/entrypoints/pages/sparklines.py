"""A month of quotes as a tiny line: a path of about a hundred bytes, drawn here so that no script has to."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

WIDTH, HEIGHT = 60, 16
MAX_POINTS = 30
FEWEST_POINTS = 3
LINES_REMEMBERED = 4_000


@lru_cache(maxsize=LINES_REMEMBERED)
def sparkline(values: tuple[float, ...]) -> str | None:
    """Return the path's `d` for values in the order of time; None for too few to show a course.

    Equal steps on the x axis: the days that have a quote, in their order.
    """
    if len(values) < FEWEST_POINTS:
        return None
    shown = values[-MAX_POINTS:]
    low, high = min(shown), max(shown)
    span = high - low
    step = WIDTH / (len(shown) - 1)
    places = [
        (round(index * step), round((high - value) / span * HEIGHT) if span else HEIGHT // 2)
        for index, value in enumerate(shown)
    ]
    return f"M{places[0][0]} {places[0][1]}l{_relative(places)}"


def _relative(places: Sequence[tuple[int, int]]) -> str:
    """Write the way from point to point; a minus sign separates as well as a blank does."""
    text = ""
    for (from_x, from_y), (to_x, to_y) in pairwise(places):
        for step in (to_x - from_x, to_y - from_y):
            text += f"{'' if step < 0 or not text else ' '}{step}"
    return text

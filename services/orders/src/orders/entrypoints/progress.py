"""How far a long command is: a bar on a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

BAR_CHARACTERS = 30
REDRAW_S = 0.2
LINE_EVERY_S = 5.0
# The rate of the last half minute says more about what is left than that of the whole way.
WINDOW_S = 30.0
ENOUGH_TO_GUESS_S = 1.0


class Progress:
    """Counts what is done of a total; guesses what is left from how fast it went lately, and says nothing too early."""

    def __init__(self, what: str, total: int, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._total = total
        self._out = out
        self._clock = clock
        self._done = 0
        self._said_at = self._began = clock()
        self._seen: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._is_terminal = out.isatty()

    def add(self, count: int) -> None:
        """Count what a committed batch brought, and show it when it is time to."""
        now = self._clock()
        self._done += count
        self._seen.append((now, self._done))
        while now - self._seen[0][0] > WINDOW_S and len(self._seen) > 2:  # noqa: PLR2004 - a rate needs two points
            self._seen.popleft()
        if now - self._said_at >= (REDRAW_S if self._is_terminal else LINE_EVERY_S):
            self._said_at = now
            self._show(self.left_s())

    def left_s(self) -> float | None:
        """Guess the seconds that are left; None while too little was seen."""
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        if last_at - first_at < ENOUGH_TO_GUESS_S or last == first:
            return None
        return (self._total - last) * (last_at - first_at) / (last - first)

    def finish(self) -> None:
        """Say how long it took, on a line of its own."""
        text = f"{self._what}: {self._done:,} in {self._clock() - self._began:.1f} s"
        self._out.write(f"\r\x1b[K{text}\n" if self._is_terminal else f"{text}\n")
        self._out.flush()

    def _show(self, left_s: float | None) -> None:
        share = self._done / self._total if self._total else 1.0
        left = "" if left_s is None else f", {duration(left_s)} left"
        text = f"{self._what}: {share:4.0%} {self._done:,} of {self._total:,}{left}"
        if self._is_terminal:
            full = round(share * BAR_CHARACTERS)
            bar = "█" * full + "░" * (BAR_CHARACTERS - full)
            self._out.write(f"\r\x1b[K{bar} {text}")
        else:
            self._out.write(f"{text}\n")
        self._out.flush()


def duration(seconds: float) -> str:
    """Write a duration as people say it: "45 s", "2 min 5 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

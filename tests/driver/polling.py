"""Waiting for something to become true, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PAUSE_S = 0.05


def eventually(look: Callable[[], Found], *, within_s: float, what: str) -> Found:
    """Return the first true thing that `look` returns; fails with `what` and the last thing seen."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s:.0f} s; last seen: {found!r}")
        time.sleep(PAUSE_S)

"""The clock that causes the weekly digest; any number of processes may run it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from notify.market.choice import Nothing
from notify.market.schedule import Schedule
from notify.market.weekly import Weekly

LOOK_EVERY_S = 5.0
AGAIN_AFTER_S = 600.0
"""Where there was nothing to tell: that may change until it is too late."""
TIDY_EVERY_S = 600.0

CaughtUp = Callable[[], Awaitable[bool]]
"""Whether all that was published has been read: after an outage the newest prices come last."""

_log = structlog.get_logger(__name__)


class DigestClock:
    """Look now and then whether a digest is due, make it, and delete what none will need; None: only the latter."""

    def __init__(self, weekly: Weekly, schedule: Schedule | None, caught_up: CaughtUp) -> None:
        self._weekly, self._schedule, self._caught_up = weekly, schedule, caught_up
        self._tidy_at = 0.0
        self._waited_for = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; a digest under way is finished first."""
        while not stop.is_set():
            try:
                wait_s = await self.look()
            except SQLAlchemyError as problem:
                _log.warning("digest_not_looked_at", problem=type(problem).__name__)
                wait_s = LOOK_EVERY_S
            except Exception:  # noqa: BLE001 - the outermost frame of a look: orders' mails go on whatever a digest meets
                _log.exception("digest_crashed")
                wait_s = AGAIN_AFTER_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await stop.wait()

    async def look(self) -> float:
        """Make what is due; return after how many seconds to look again."""
        if time.monotonic() >= self._tidy_at:
            await asyncio.to_thread(self._weekly.keep_house)
            self._tidy_at = time.monotonic() + TIDY_EVERY_S
        one = await asyncio.to_thread(self._weekly.due, self._schedule) if self._schedule else None
        if one is None:
            return LOOK_EVERY_S
        if not await self._caught_up():
            self._wait(one.week, "events are still coming in")
            return LOOK_EVERY_S
        made = await asyncio.to_thread(self._weekly.make, one)
        if isinstance(made, Nothing):
            self._wait(one.week, made.reason)
            return AGAIN_AFTER_S
        return LOOK_EVERY_S

    def _wait(self, week: str, reason: str) -> None:
        if self._waited_for != f"{week}: {reason}":
            _log.info("digest_not_made", week=week, reason=reason)
        self._waited_for = f"{week}: {reason}"

"""For how long this process has seen the database without a gap.

Right after an outage every lease has run out, also of mails that were taken meanwhile: whoever sent them keeps their
outcome, and needs a moment to write it. Who looks first must not take them for abandoned.
"""

import time


class Sight:
    """Begins with the first look that succeeds, and anew after one that failed or took too long to come."""

    def __init__(self, gap_s: float) -> None:
        """``gap_s``: so long between two looks may be an outage that nobody noticed."""
        self._gap_s = gap_s
        self._since: float | None = None
        self._looked_at = 0.0

    def held(self) -> None:
        """Take note of a look that succeeded."""
        now = time.monotonic()
        if self._since is None or now - self._looked_at > self._gap_s:
            self._since = now
        self._looked_at = now

    def lost(self) -> None:
        """Take note of one that did not."""
        self._since = None

    def lasts(self, seconds: float) -> bool:
        """Say whether it has lasted for as long, up to this moment."""
        now = time.monotonic()
        return self._since is not None and now - self._looked_at <= self._gap_s and now - self._since >= seconds

"""How often a crawl says how far it is: often enough for a progress bar, never in proportion to its files."""

import time
import uuid
from collections.abc import Callable

from sqlalchemy import Connection

from usda_ingest.storing import crawls

SHORTEST_PAUSE_S = 1.0
# A crawl of a day sends about 800 events in all.
PAUSE_PER_AGE = 0.01


class Progress:
    """The news of one crawl: the first at once, then one a second, and less often the older the crawl is."""

    def __init__(self, crawl_id: uuid.UUID, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._crawl_id, self._clock = crawl_id, clock
        self._began = clock()
        self._told_at: float | None = None

    def tell(self, connection: Connection) -> bool:
        """Announce how far the crawl is unless it was told just now; call it as the transaction's last statement."""
        now = self._clock()
        pause = max(SHORTEST_PAUSE_S, PAUSE_PER_AGE * (now - self._began))
        if self._told_at is not None and now - self._told_at < pause:
            return False
        self._told_at = now
        crawls.announce_progress(connection, self._crawl_id)
        return True

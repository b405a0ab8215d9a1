"""What a crawl wants of its sources."""

from dataclasses import dataclass
from datetime import date, datetime

from usda_ingest.sources.window import Window

# A report may come days late, and a day may be corrected the week after.
DAILY_WINDOW_DAYS = 7


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of all sources.

    Attributes:
        window: the days wanted, of sources that can be asked for days.
        corrections_since: also what was corrected since that day, of sources that tell; None: nothing.
        taken_since: the moment since which a crawl has worked at this visit before; links it has taken are not asked
            again. None: this is the first try.
        again: ask for all bytes, also of what is stored.

    """

    window: Window
    corrections_since: date | None = None
    taken_since: datetime | None = None
    again: bool = False

    @classmethod
    def daily(cls, today: date) -> "Visit":
        """Return the usual visit: the newest days."""
        return cls(Window.last(DAILY_WINDOW_DAYS, today))

"""A market day: the order cycle and its states."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from orders.domain.errors import CycleCancelled, CycleClosed

REMIND_AHEAD = timedelta(hours=1)


class CycleState(StrEnum):
    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    PACKING = "packing"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Cycle:
    """A market day. `remind_at` None: an hour before the cutoff; `packing_at` None: it is passed on by hand."""

    id: str
    name: str
    state: CycleState
    opens_at: datetime
    cutoff_at: datetime
    delivery_on: date
    version: int = 1
    remind_at: datetime | None = None
    packing_at: datetime | None = None
    is_reminded: bool = False
    copied_from: str | None = None
    cancel_reason: str = ""

    @property
    def reminds_at(self) -> datetime:
        """Return when stores that have not ordered are reminded; never before the day opens."""
        return self.remind_at or max(self.opens_at, self.cutoff_at - REMIND_AHEAD)

    def require_ordering(self, now: datetime) -> None:
        """Refuse unless orders may be placed, amended and cancelled at `now`, which is the database's clock."""
        if self.state is CycleState.CANCELLED:
            raise CycleCancelled("this market day was cancelled")
        if self.state is not CycleState.OPEN:
            raise CycleClosed(f"this market day is {self.state.value}")
        if now >= self.cutoff_at:
            raise CycleClosed("the cutoff has passed")

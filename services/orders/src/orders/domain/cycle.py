"""A market day: the order cycle and its states."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from orders.domain.errors import CycleClosed


class CycleState(StrEnum):
    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    PACKING = "packing"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Cycle:
    id: str
    name: str
    state: CycleState
    opens_at: datetime
    cutoff_at: datetime
    delivery_on: date

    def require_ordering(self, now: datetime) -> None:
        """Refuse unless orders may be placed, amended and cancelled at `now`, which is the database's clock."""
        if self.state is not CycleState.OPEN:
            raise CycleClosed(f"this market day is {self.state.value}")
        if now >= self.cutoff_at:
            raise CycleClosed("the cutoff has passed")

"""How the market reports stand, as far as orders was told: for the staff's board."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from orders.domain.pricing import business_days_between, is_stale


@dataclass(frozen=True, slots=True)
class MarketStanding:
    """`failed_at`: when the last crawl failed, None if it finished. `newest_on`: of the newest quote of any product."""

    failed_at: datetime | None
    newest_on: date | None
    today: date

    @property
    def days_late(self) -> int | None:
        """Return for how many market days no report has come; None while that is nothing unusual."""
        if self.newest_on is None or not is_stale(self.newest_on, self.today):
            return None
        return business_days_between(self.newest_on, self.today)

    @property
    def is_troubled(self) -> bool:
        return self.failed_at is not None or self.days_late is not None


class MarketStandings(Protocol):
    def now(self) -> MarketStanding: ...

"""How old the last good backup, copy and drill are, and whether that is too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

BACKUP_LATE = timedelta(hours=26)
COPY_LATE = timedelta(hours=26)
DRILL_LATE = timedelta(days=8)
# A mark further ahead is of a clock that was wrong, and says nothing; with less the clock was set back a little.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Age:
    """So long ago something went well; ``since`` is the first start, where it never did."""

    what: str
    age: timedelta
    bound: timedelta
    ever: bool

    @property
    def late(self) -> bool:
        """Whether somebody must look."""
        return self.age > self.bound

    @property
    def words(self) -> str:
        """Say how old it is."""
        hours = self.age.total_seconds() / 3600
        told = f"the last good one is {hours:.0f} h old" if self.ever else f"none for {hours:.0f} h"
        return f"{self.what}: {told}" + (f", more than {self.bound.total_seconds() / 3600:.0f} h" if self.late else "")


def moment(known: Mapping[str, Any], mark: str, now: datetime) -> datetime | None:
    """Return when something happened; None where it never did, or a clock that was wrong says that it is yet to."""
    told = known.get(mark)
    found = datetime.fromisoformat(told) if told else None
    return found if found is None or found <= now + AHEAD else None


def ages(known: Mapping[str, Any], now: datetime, *, copied: bool) -> list[Age]:
    """Return the ages of all that is to happen; of copies only where there is a command for them."""
    wanted = [("backup", "backup_at", BACKUP_LATE), ("drill", "drill_at", DRILL_LATE)]
    if copied:
        wanted.append(("copy", "copy_at", COPY_LATE))
    since = moment(known, "since", now) or now
    done = [(what, moment(known, mark, now), bound) for what, mark, bound in wanted]
    return [Age(what, max(now - (at or since), timedelta(0)), bound, at is not None) for what, at, bound in done]

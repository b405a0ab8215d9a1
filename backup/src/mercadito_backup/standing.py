"""How old the last good backup, copy and drill are, and whether that is too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

BACKUP_LATE = timedelta(hours=26)
COPY_LATE = timedelta(hours=26)
DRILL_LATE = timedelta(days=8)


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
        return (
            f"{self.what}: {'the last good one' if self.ever else 'none'} {'is' if self.ever else 'for'} {hours:.0f} h"
            + (f" old, more than {self.bound.total_seconds() / 3600:.0f} h" if self.late else "")
        )


def ages(known: Mapping[str, Any], now: datetime, *, copied: bool) -> list[Age]:
    """Return the ages of all that is to happen; of copies only where there is a command for them."""
    wanted = [("backup", "backup_at", BACKUP_LATE), ("drill", "drill_at", DRILL_LATE)]
    if copied:
        wanted.append(("copy", "copy_at", COPY_LATE))
    since = known.get("since") or now.isoformat()
    return [
        Age(what, now - datetime.fromisoformat(known.get(mark) or since), bound, bool(known.get(mark)))
        for what, mark, bound in wanted
    ]

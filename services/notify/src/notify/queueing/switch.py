"""The queue's switch: staff hold everything, with a reason, and let it go again. Each throw of it is kept."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_LAST = text("""
    SELECT s.held, s.reason, s.person_id, c.name AS person_name, s.at FROM queue_switches AS s
    LEFT JOIN contacts AS c ON c.person_id = s.person_id ORDER BY s.id DESC LIMIT 1
""")
# Two who throw it at once must not both find it as it was.
_ALONE = text("LOCK TABLE queue_switches IN SHARE ROW EXCLUSIVE MODE")
_THROW = text("INSERT INTO queue_switches (held, reason, person_id) VALUES (:held, :reason, :person_id)")


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether the queue is held, and who said so, when and why; all unknown where nobody ever touched it."""

    held: bool = False
    reason: str | None = None
    person_id: str | None = None
    person_name: str | None = None
    at: datetime | None = None


def current(connection: Connection) -> Switch:
    """Return how it stands."""
    row = connection.execute(_LAST).one_or_none()
    return Switch() if row is None else Switch(row.held, row.reason, row.person_id, row.person_name, row.at)


def throw(connection: Connection, *, held: bool, reason: str | None, person_id: str) -> bool:
    """Hold the queue or let it go; return whether that changed anything: a hold keeps its first reason."""
    connection.execute(_ALONE)
    if current(connection).held == held:
        return False
    connection.execute(_THROW, {"held": held, "reason": reason, "person_id": person_id})
    return True

"""What became of each mail, for staff: newest first, in pages, without addresses."""

from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Connection, select

from notify.policy import State
from notify.tables import messages

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_CURSOR = 2**63 - 1


class Filter(BaseModel):
    """Which messages are asked for; all that are given must hold."""

    order_id: str | None = None
    person_id: str | None = None
    state: State | None = None


class Notification(BaseModel):
    """One message and how it fares."""

    id: str
    kind: str
    person_id: str
    order_id: str | None
    message_id: str
    state: State
    reason: str | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    settled_at: datetime | None
    expires_at: datetime


class Page(BaseModel):
    """Some of them; ``next`` is the path of the following ones."""

    items: list[Notification]
    next: str | None


def read(connection: Connection, wanted: Filter, *, before: int, limit: int) -> list[Notification]:
    """Return up to ``limit`` messages with an id below ``before``, newest first."""
    query = select(messages).where(messages.c.id < before).order_by(messages.c.id.desc()).limit(limit)
    for name, value in wanted.model_dump(exclude_none=True).items():
        query = query.where(messages.c[name] == str(value))
    waiting = (State.QUEUED, State.DEFERRED)
    return [
        Notification(
            id=str(row["id"]),
            next_attempt_at=row["due_at"] if row["state"] in waiting else None,
            **{name: row[name] for name in Notification.model_fields if name not in ("id", "next_attempt_at")},
        )
        for row in connection.execute(query).mappings()
    ]

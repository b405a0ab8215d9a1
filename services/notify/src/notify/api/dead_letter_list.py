"""Events that could not be handled, as staff see them: what and why, never what the event said."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Connection, text

_LIST = text("""
    SELECT d.id, d.durable, d.stream, d.stream_seq, d.subject AS type, d.headers ->> 'ce-id' AS event_id, d.error, d.at,
        d.tries, d.replayed_at, d.replayed_by, c.name AS replayed_by_name, d.body IS NOT NULL AS can_replay
    FROM dead_letters AS d LEFT JOIN contacts AS c ON c.person_id = d.replayed_by
    WHERE d.id < :before AND (:replayed OR d.replayed_at IS NULL) AND d.id = coalesce(CAST(:id AS bigint), d.id)
    ORDER BY d.id DESC LIMIT :limit
""")


class DeadLetter(BaseModel):
    """One event that a handler refused or failed on too often."""

    id: str
    durable: str
    stream: str
    stream_seq: int
    type: str
    event_id: str | None
    error: str
    """Of the newest try."""
    at: datetime
    tries: int
    """How often somebody had it handled again in vain."""
    replayed_at: datetime | None
    replayed_by: str | None
    replayed_by_name: str | None
    can_replay: bool
    """Whether what it said is still kept."""


class DeadLetters(BaseModel):
    """Some of them, newest first; ``next`` is the path of the following ones."""

    items: list[DeadLetter]
    next: str | None


def read(connection: Connection, *, before: int, limit: int, with_replayed: bool) -> list[DeadLetter]:
    """Return up to ``limit`` of them with an id below ``before``."""
    return _read(connection, {"before": before, "limit": limit, "replayed": with_replayed, "id": None})


def read_one(connection: Connection, letter_id: int) -> DeadLetter | None:
    """Return one, or None when there is none."""
    asked = {"before": letter_id + 1, "limit": 1, "replayed": True, "id": letter_id}
    return next(iter(_read(connection, asked)), None)


def _read(connection: Connection, asked: Mapping[str, object]) -> list[DeadLetter]:
    return [DeadLetter(**{**row, "id": str(row["id"])}) for row in connection.execute(_LIST, asked).mappings()]

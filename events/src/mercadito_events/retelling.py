"""Tell again what an outbox still holds: for streams that lost it, and for an event that a reader could not handle.

The rows are marked as not yet published, and the service's own relay carries them over, in order of id, under its own
name. Each gets another ``Nats-Msg-Id``, since a stream drops for ten minutes what it has seen; readers know by the
``ce-id``, which stays, what they have handled.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from mercadito_events.service.database import DatabaseSettings, create_engine

# All of a busy week in one statement: either everything is told again, in order, or nothing is.
STATEMENT_TIMEOUT_MS = 300_000

_TOLD_AGAIN = (
    "SET published_at = NULL, stream_seq = NULL,"
    " headers = headers || jsonb_build_object('Nats-Msg-Id', CAST(event_id AS text) || CAST(:mark AS text))"
)
_IS_OVER = "coalesce(expires_at <= clock_timestamp(), false)"
_TELL_SINCE = text(
    f"WITH told AS (UPDATE outbox {_TOLD_AGAIN} WHERE published_at >= :since AND NOT {_IS_OVER} RETURNING created_at)"  # noqa: S608 - constants
    " SELECT count(*) AS events, min(created_at) AS oldest FROM told"
)
_TELL_ONE = text(f"UPDATE outbox {_TOLD_AGAIN} WHERE event_id = :event_id AND NOT {_IS_OVER}")
_KNOWN = text("SELECT EXISTS (SELECT 1 FROM outbox WHERE event_id = :event_id)")
_SOURCE = text("SELECT headers->>'ce-source' FROM outbox ORDER BY id DESC LIMIT 1")


class OutboxAway(Exception):
    """The database does not answer, or this one has no outbox; the text says so."""


Outcome = Literal["told", "over", "gone"]


@dataclass(frozen=True, slots=True)
class Told:
    """How many events are told again, and when the oldest of them happened."""

    events: int
    oldest: datetime | None


@contextmanager
def outbox_of(settings: DatabaseSettings) -> Iterator[Engine]:
    """Open the database of a service for a command.

    Raises:
        OutboxAway: it does not answer, or takes no writes, or has no outbox.

    """
    engine = create_engine(settings, pool_size=1, application_name="mercadito-events")
    try:
        yield engine
    except DBAPIError as error:
        raise OutboxAway(f"the outbox of {settings.url.database} cannot be used: {str(error.orig).strip()}") from None
    finally:
        engine.dispose()


def tell_since(engine: Engine, moment: datetime) -> Told:
    """Tell again what was published since then, except what is over."""
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"))
        row = connection.execute(_TELL_SINCE, {"since": moment, "mark": _mark()}).one()
    return Told(row.events, row.oldest)


def tell_one(connection: Connection, event_id: str) -> Outcome:
    """Tell one event again; ``over``: it was for a time that has passed, ``gone``: the outbox does not hold it."""
    try:
        known = UUID(event_id)
    except ValueError:
        return "gone"
    if connection.execute(_TELL_ONE, {"event_id": known, "mark": _mark()}).rowcount:
        return "told"
    return "over" if connection.scalar(_KNOWN, {"event_id": known}) else "gone"


def source_of(connection: Connection) -> str | None:
    """Return the ``ce-source`` of what this outbox tells; None when it is empty."""
    source = connection.scalar(_SOURCE)
    return None if source is None else str(source)


def _mark() -> str:
    return f":again-{time.time_ns()}"

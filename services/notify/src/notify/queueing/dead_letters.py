"""Events that this service could not handle: kept to be looked at, and handled again once what was wrong is mended.

They also lie in the stream DLQ; here they lie whole, since of account events that stream keeps no body. A body may hold
addresses and one-time links: it is shown nowhere and goes after as many days as the stream it came from keeps it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import structlog
from mercadito_events.envelope import MalformedEvent
from mercadito_events.inbox import DeadLetter, Handler, Permanent, apply_once
from sqlalchemy import Connection, LargeBinary, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB, insert

from notify.queueing import intents
from notify.tables import dead_letters

BODY_KEPT = timedelta(days=7)
KEPT = timedelta(days=30)
MAX_ERROR_CHARS = 500
BATCH = 500

Handlers = Mapping[str, Mapping[str, Handler]]
"""Of each durable, the handler of each type of event."""

_log = structlog.get_logger(__name__)
_TAKE = text("SELECT * FROM dead_letters WHERE id = :id FOR UPDATE").columns(headers=JSONB)
# An event without an id is told from another by all that there is; a body that is no longer kept tells nothing.
_MAKE_ROOM = text("""
    UPDATE dead_letters SET stream_seq = -id
    WHERE durable = :durable AND stream = :stream AND stream_seq = :stream_seq AND (
        headers ->> 'ce-id' IS DISTINCT FROM CAST(:event_id AS text)
        OR (CAST(:event_id AS text) IS NULL AND (headers <> :headers OR subject <> :subject OR body <> :body)))
""").bindparams(bindparam("headers", type_=JSONB), bindparam("body", type_=LargeBinary))
_REPLAYED = text("UPDATE dead_letters SET replayed_at = now(), replayed_by = :by, body = NULL WHERE id = :id")
_STILL_DEAD = text("UPDATE dead_letters SET tries = least(tries + 1, 1000), error = :error WHERE id = :id")
_FORGET = text("""
    DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE at < now() - :kept ORDER BY id LIMIT :batch)
""")
_FORGET_BODIES = text("""
    UPDATE dead_letters SET body = NULL WHERE id IN (
        SELECT id FROM dead_letters WHERE body IS NOT NULL AND at < now() - :kept ORDER BY id LIMIT :batch)
""")


class StillDead(Exception):
    """It could not be handled this time either; the text says why."""


Replayed = Literal["unknown", "handled", "over"]
"""``over``: handled, but all that it would mail about is over by now, so nothing is mailed."""


def keep(connection: Connection, letter: DeadLetter) -> None:
    """Write one down; the same one delivered again is one.

    Another event at the place of an older one means that the stream was made anew and counts from 1 again: the older
    letter, which may be the last that is left of its event, is kept beside, under a number that no stream gives.
    """
    values = {
        "durable": letter.durable,
        "stream": letter.stream,
        "stream_seq": letter.stream_seq,
        "subject": letter.subject,
        "headers": dict(letter.headers),
        "body": letter.body,
        "error": letter.error,
    }
    connection.execute(_MAKE_ROOM, values | {"event_id": letter.headers.get("ce-id")})
    connection.execute(insert(dead_letters).values(values).on_conflict_do_nothing(constraint="dead_letters_place"))


def replay(connection: Connection, letter_id: int, handlers: Handlers, *, person_id: str) -> Replayed:
    """Handle one again, once. One that was handled meanwhile stays as it is.

    Raises:
        StillDead: the transaction must be rolled back, and ``remember_failure`` called in another.

    """
    row = connection.execute(_TAKE, {"id": letter_id}).one_or_none()
    if row is None:
        return "unknown"
    if row.replayed_at is not None:
        return "handled"
    is_over = _handle(connection, row, handlers)
    connection.execute(_REPLAYED, {"id": letter_id, "by": person_id})
    return "over" if is_over else "handled"


def remember_failure(connection: Connection, letter_id: int, error: str) -> None:
    """Keep what was wrong this time."""
    connection.execute(_STILL_DEAD, {"id": letter_id, "error": error[:MAX_ERROR_CHARS]})


def forget(connection: Connection) -> None:
    """Delete a batch of old ones, and the bodies of those not so old."""
    connection.execute(_FORGET_BODIES, {"kept": BODY_KEPT, "batch": BATCH})
    connection.execute(_FORGET, {"kept": KEPT, "batch": BATCH})


def _handle(connection: Connection, row: Row[tuple[object, ...]], handlers: Handlers) -> bool:
    """Handle it; return whether all that it would mail about is over."""
    if row.body is None:
        raise StillDead("what it said is no longer kept")
    body = bytes(row.body)
    letter = DeadLetter(row.durable, row.stream, row.stream_seq, row.subject, row.headers, body, row.error)
    try:
        event = letter.event()
        handler = handlers.get(row.durable, {}).get(event.type)
        if handler is None:
            raise StillDead("this version handles no events of this type")
        is_over = intents.is_over(connection, event)
        apply_once(connection, row.durable, handler, event)
    except (Permanent, MalformedEvent) as problem:
        raise StillDead(f"{type(problem).__name__}: {problem}") from None
    _log.info("dead_letter_replayed", event_id=event.id, durable=row.durable, is_over=is_over)
    return is_over

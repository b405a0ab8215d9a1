"""What is to be said, before it is known to whom.

An event becomes an intent in the transaction that marks it as handled. Later, perhaps once the store's people are
known, the intent becomes one message per person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from mercadito_events.envelope import Event
from mercadito_events.inbox import Handler, Permanent
from mercadito_events.topology import stream_of
from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB, insert

from notify.contacts import Contact
from notify.kinds import kinds
from notify.kinds.kind import Kind
from notify.mail import message_id
from notify.tables import intents

EXPAND_BATCH = 20
# A new contact wakes its intents at once; this look is for those that crossed on the way.
LOOK_AGAIN_AFTER = timedelta(seconds=30)
# The delivery log reaches back this far; then an intent goes, and its messages with it.
KEPT = timedelta(days=400)
FORGET_BATCH = 500

_log = structlog.get_logger(__name__)

_DUE = text("""
    SELECT id, key, kind, event_id, order_id, data, expires_at, expires_at <= now() AS expired FROM intents
    WHERE state = 'waiting' AND look_at <= now()
    ORDER BY look_at, id LIMIT :batch FOR UPDATE SKIP LOCKED
""")
_LATER = text("UPDATE intents SET look_at = now() + :pause WHERE id = :id")
_CLOSE = text("UPDATE intents SET state = :state WHERE id = :id")
_FORGET = text("""
    DELETE FROM intents WHERE state <> 'waiting' AND created_at < now() - :kept
      AND id IN (SELECT id FROM intents ORDER BY id LIMIT :batch)
""")
_FORGET_LINKS = text("""
    UPDATE intents SET data = data - 'link' WHERE id IN (
        SELECT i.id FROM intents AS i WHERE i.data ? 'link' AND (i.expires_at <= now() OR (
            i.state <> 'waiting' AND NOT EXISTS (
                SELECT FROM messages WHERE intent_id = i.id AND state IN ('queued', 'sending', 'deferred'))))
        LIMIT :batch)
""")
_QUEUE = text("""
    INSERT INTO messages (intent_id, dedup_key, message_id, kind, person_id, order_id, expires_at)
    VALUES (:intent_id, :dedup_key, :message_id, :kind, :person_id, :order_id, :expires_at)
    ON CONFLICT (dedup_key) DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Expanded:
    """What one look at the waiting intents did."""

    looked_at: int
    queued: int
    expired: int


def handlers(stream: str | None = None) -> dict[str, Handler]:
    """Return an event handler for each event, of one stream or of all, that is the cause of a kind of mail."""
    wanted = (kind for kind in kinds().values() if stream in (None, stream_of(kind.event_type)))
    return {kind.event_type: partial(record, kind=kind) for kind in wanted}


def record(connection: Connection, event: Event, *, kind: Kind) -> None:
    """Write down that there is something to say; the same thing twice, even by another event, is said once."""
    about = kind.reading.of(event.data)
    # From the event's own time: a stream replayed into an empty database must not mail what is long past.
    expires_at = event.time + kind.expires_after
    if kind.ends_at is not None:
        expires_at = min(expires_at, kind.ends_at(about))
        if expires_at <= datetime.now(UTC):
            _log.info("too_late_to_mail", kind=kind.name, event_id=event.id)
            return
    values = {
        "key": f"{kind.name}:{kind.about(about)}",
        "kind": kind.name,
        "event_id": event.id,
        "traceparent": event.traceparent,
        "store_id": kind.store_id(about),
        "order_id": kind.order_id(about),
        "data": about.model_dump(mode="json"),
        "expires_at": expires_at,
    }
    connection.execute(insert(intents).values(values).on_conflict_do_nothing(index_elements=["key"]))


def expand(connection: Connection, *, domain: str) -> Expanded:
    """Turn waiting intents into messages, as far as their people are known; ``domain`` ends the Message-IDs."""
    queued = expired = 0
    due = connection.execute(_DUE.columns(data=JSONB), {"batch": EXPAND_BATCH}).all()
    for intent in due:
        if intent.expired:
            connection.execute(_CLOSE, {"id": intent.id, "state": "expired"})
            _log.error("alarm_nobody_to_write_to", kind=intent.kind, order_id=intent.order_id, event_id=intent.event_id)
            expired += 1
        else:
            queued += _queue_for_everyone(connection, intent, partial(message_id, domain=domain))
    return Expanded(len(due), queued, expired)


def forget_old(connection: Connection) -> None:
    """Delete a batch of what is older than the delivery log reaches."""
    connection.execute(_FORGET, {"kept": KEPT, "batch": FORGET_BATCH})


def forget_links(connection: Connection) -> None:
    """Take one-time links out of a batch of intents whose mails are sent, given up or too late."""
    connection.execute(_FORGET_LINKS, {"batch": FORGET_BATCH})


def _queue_for_everyone(connection: Connection, intent: Row[tuple[object, ...]], new_id: Callable[[str], str]) -> int:
    people = _people(connection, intent)
    if not people:
        connection.execute(_LATER, {"id": intent.id, "pause": LOOK_AGAIN_AFTER})
        return 0
    for person in people:
        dedup_key = f"{intent.key}:{person.person_id}"
        values = {
            "intent_id": intent.id,
            "dedup_key": dedup_key,
            "message_id": new_id(dedup_key),
            "kind": intent.kind,
            "person_id": person.person_id,
            "order_id": intent.order_id,
            "expires_at": intent.expires_at,
        }
        connection.execute(_QUEUE, values)
    connection.execute(_CLOSE, {"id": intent.id, "state": "expanded"})
    return len(people)


def _people(connection: Connection, intent: Row[tuple[object, ...]]) -> list[Contact]:
    try:
        kind = kinds()[intent.kind]
        return kind.recipients(connection, kind.reading.of(intent.data))
    except (KeyError, Permanent) as problem:
        # Written by another version of this service: the others must not wait for it, and a newer version may read it.
        _log.error("alarm_intent_unreadable", kind=intent.kind, event_id=intent.event_id, problem=str(problem))
        return []

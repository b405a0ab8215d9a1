"""What is to be said, before it is known to whom.

An event becomes an intent in the transaction that marks it as handled; what this service finds by its own clock, in a
transaction of its own. Later, perhaps once the store's people are known, the intent becomes one message per person.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from mercadito_events.envelope import Event
from mercadito_events.inbox import Handler, Permanent
from mercadito_events.service import tracing
from mercadito_events.topology import stream_of
from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import SQLAlchemyError

from notify import figures
from notify.kinds import kinds
from notify.kinds.kind import Kind, Priority
from notify.readings import ContactChange, Reading
from notify.recipients.contacts import Contact, domain_of, people_of_stores
from notify.tables import intents
from notify.writing.mail import message_id

EXPAND_BATCH = 100
# A new contact wakes its intents at once; this look is for those that crossed on the way.
LOOK_AGAIN_AFTER = timedelta(seconds=30)
# The delivery log reaches back this far; then an intent goes, and its messages with it.
KEPT = timedelta(days=400)
FORGET_BATCH = 500

_log = structlog.get_logger(__name__)

_DUE = text("""
    SELECT id, key, kind, event_id, store_id, order_id, data, expires_at, expires_at <= now() AS expired,
        EXISTS (SELECT FROM messages WHERE intent_id = intents.id) AS has_messages FROM intents
    WHERE state = 'waiting' AND look_at <= now()
    ORDER BY kind = ANY (CAST(:urgent AS text[])) DESC, look_at, id LIMIT :batch FOR UPDATE SKIP LOCKED
""")
# Some of a store were known in time; this one was told of before its order, and is heard of after it: the streams may
# be far apart. Who came to the store later is told nothing of what was before. Nobody is mailed twice: each has a key.
_LOOK_AGAIN = text("""
    UPDATE intents SET state = 'waiting', look_at = now()
    WHERE state = 'expanded' AND store_id = ANY (CAST(:store_ids AS text[])) AND expires_at > now()
        AND created_at >= :told_at AND kind = ANY (CAST(:kinds AS text[]))
""")
_LATER = text("UPDATE intents SET look_at = now() + :pause WHERE id = ANY (CAST(:ids AS bigint[]))")
_CLOSE = text("UPDATE intents SET state = :state WHERE id = ANY (CAST(:ids AS bigint[]))")
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
    INSERT INTO messages
        (intent_id, dedup_key, message_id, kind, person_id, order_id, expires_at, priority, recipient_domain)
    SELECT n.intent_id, n.dedup_key, n.message_id, i.kind, n.person_id, i.order_id, i.expires_at, n.priority, n.domain
    FROM ROWS FROM (jsonb_to_recordset(CAST(:messages AS jsonb)) AS (
            intent_id bigint, dedup_key text, message_id text, person_id text, priority smallint, domain text))
        WITH ORDINALITY AS n (intent_id, dedup_key, message_id, person_id, priority, domain, nth)
    JOIN intents AS i ON i.id = n.intent_id
    ORDER BY n.nth
    ON CONFLICT (dedup_key) DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Expanded:
    """What one look at the waiting intents did."""

    queued: int
    expired: int


def handlers(stream: str | None = None) -> dict[str, Handler]:
    """Return an event handler for each event, of one stream or of all, that is the cause of a kind of mail."""
    caused = ((kind.event_type, kind) for kind in kinds().values() if kind.event_type is not None)
    return {event: partial(record, kind=kind) for event, kind in caused if stream in (None, stream_of(event))}


def record(connection: Connection, event: Event, *, kind: Kind) -> None:
    """Write down what there is to say; the same thing twice, even by another event, is said once."""
    for about in _abouts(connection, event, kind):
        _write(connection, _Cause(event.id, event.time, tracing.current() or event.traceparent), kind, about)


def say(connection: Connection, kind: Kind, about: Reading, *, at: datetime) -> bool:
    """Write down what no event told but this service found by itself; the same thing twice is said once.

    Args:
        connection: the transaction; what is written beside it is written exactly when this is.
        kind: one without an ``event_type``.
        about: what happened.
        at: when it did; it expires by that.

    Returns:
        Whether it is written now: False when it was said before, or is too late.

    """
    return _write(connection, _Cause(str(uuid.uuid4()), at), kind, about)


@dataclass(frozen=True, slots=True)
class _Cause:
    """The event, or the moment of our own clock, that there is something to say of."""

    id: str
    at: datetime
    traceparent: str | None = None


def _abouts(connection: Connection, event: Event, kind: Kind) -> Sequence[Reading]:
    return [kind.reading.of(event.data)] if kind.of_event is None else kind.of_event(connection, event)


def _expiry(kind: Kind, about: Reading, at: datetime) -> datetime:
    # From the cause's own time: a stream replayed into an empty database must not mail what is long past.
    expires_at = at + kind.expires_after
    return expires_at if kind.ends_at is None else min(expires_at, kind.ends_at(about))


def _write(connection: Connection, cause: _Cause, kind: Kind, about: Reading) -> bool:
    expires_at = _expiry(kind, about, cause.at)
    if expires_at <= datetime.now(UTC):
        _log.warning("too_late_to_mail", kind=kind.name, event_id=cause.id)
        figures.ended(kind.name, "expired")
        return False
    values = {
        "key": f"{kind.name}:{kind.about(about)}",
        "kind": kind.name,
        "event_id": cause.id,
        "traceparent": cause.traceparent,
        "store_id": kind.store_id(about),
        "order_id": kind.order_id(about),
        "data": about.model_dump(mode="json"),
        "expires_at": expires_at,
    }
    once = insert(intents).values(values).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(once).rowcount == 1


def is_over(connection: Connection, event: Event) -> bool:
    """Say whether there is something to mail of an event, and all of it would come too late by now."""
    ends = [
        _expiry(kind, about, event.time)
        for kind in kinds().values()
        if kind.event_type == event.type
        for about in _abouts(connection, event, kind)
    ]
    return bool(ends) and max(ends) <= datetime.now(UTC)


def look_again(connection: Connection, event: Event) -> None:
    """Have mails about a store made for somebody who was told of in time and is heard of late."""
    change = ContactChange.of(event.data)
    if change.active and change.store_ids:
        values = {"store_ids": list(change.store_ids), "told_at": event.time, "kinds": sorted(_of_stores())}
        connection.execute(_LOOK_AGAIN, values)


def expand(connection: Connection, *, domain: str) -> Expanded:
    """Turn waiting intents into messages, as far as their people are known; ``domain`` ends the Message-IDs."""
    due = connection.execute(_DUE.columns(data=JSONB), {"batch": EXPAND_BATCH, "urgent": _urgent()}).all()
    expired = [intent for intent in due if intent.expired and not intent.has_messages]
    for intent in expired:
        _log.error("alarm_nobody_to_write_to", kind=intent.kind, order_id=intent.order_id, event_id=intent.event_id)
    people = _people_of(connection, [intent for intent in due if not intent.expired])
    new_id = partial(message_id, domain=domain)
    queued = [_message(intent, person, new_id) for intent in due for person in people.get(intent.id, ())]
    if queued:
        connection.execute(_QUEUE, {"messages": json.dumps(queued)})
    for state, ids in (
        ("expired", [intent.id for intent in expired]),
        ("expanded", [intent.id for intent in due if people.get(intent.id) or intent.has_messages]),
    ):
        if ids:
            connection.execute(_CLOSE, {"ids": ids, "state": state})
    if unknown := [intent.id for intent in due if not (intent.expired or intent.has_messages or people[intent.id])]:
        connection.execute(_LATER, {"ids": unknown, "pause": LOOK_AGAIN_AFTER})
    return Expanded(len(queued), len(expired))


def _urgent() -> list[str]:
    # A reset must not wait until thousands of others have become messages.
    return [kind.name for kind in kinds().values() if kind.priority is Priority.URGENT]


def forget_old(connection: Connection) -> None:
    """Delete a batch of what is older than the delivery log reaches."""
    connection.execute(_FORGET, {"kept": KEPT, "batch": FORGET_BATCH})


def forget_links(connection: Connection) -> None:
    """Take one-time links out of a batch of intents whose mails are sent, given up or too late."""
    connection.execute(_FORGET_LINKS, {"batch": FORGET_BATCH})


def _message(intent: Row[tuple[object, ...]], person: Contact, new_id: Callable[[str], str]) -> dict[str, str | int]:
    dedup_key = f"{intent.key}:{person.person_id}"
    return {
        "intent_id": intent.id,
        "dedup_key": dedup_key,
        "message_id": new_id(dedup_key),
        "person_id": person.person_id,
        "priority": kinds()[intent.kind].priority.value,
        "domain": domain_of(person.email),
    }


def _people_of(connection: Connection, due: Sequence[Row[tuple[object, ...]]]) -> dict[int, list[Contact]]:
    of_store = _of_stores()
    store_ids = {intent.store_id for intent in due if intent.kind in of_store and intent.store_id}
    of_stores = people_of_stores(connection, store_ids)
    return {intent.id: _people(connection, intent, of_stores) for intent in due}


def _of_stores() -> set[str]:
    return {name for name, kind in kinds().items() if kind.recipients is None}


def _people(
    connection: Connection, intent: Row[tuple[object, ...]], of_stores: Mapping[str, list[Contact]]
) -> list[Contact]:
    try:
        kind = kinds()[intent.kind]
        about = kind.reading.of(intent.data)
        return of_stores[intent.store_id] if kind.recipients is None else kind.recipients(connection, about)
    except (KeyError, Permanent) as problem:
        # Written by another version of this service: the others must not wait for it, and a newer version may read it.
        _log.error("alarm_intent_unreadable", kind=intent.kind, event_id=intent.event_id, problem=str(problem))
    except SQLAlchemyError:
        raise  # of the transaction, and so of all the others
    except Exception:  # noqa: BLE001 - one that stumbles shall not stop all mail
        _log.exception("alarm_intent_unreadable", kind=intent.kind, event_id=intent.event_id)
    return []

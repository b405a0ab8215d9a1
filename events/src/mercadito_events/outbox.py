"""The outbox: events are rows of the transaction that causes them; the relay publishes them afterwards, in order.

Why the order holds. ``enqueue`` is called after every row lock is held. Two transactions that change the same row are
therefore serialised by that lock before either draws its outbox id, and for them id order is commit order. Between
transactions that share nothing, no order is promised, because none is observable. The relay reads
``published_at IS NULL ORDER BY id``, not "id > last seen": a transaction that drew a small id and commits late is found
at the next look instead of being skipped for ever.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from mercadito_events.envelope import MAX_BODY_BYTES, Event, EventTooLarge
from mercadito_events.relay import Backlog, Relay, backlog
from mercadito_events.topology import stream_of

__all__ = ["Backlog", "Relay", "backlog", "enqueue", "enqueue_all", "outbox_table"]

# The body goes over as the text that it is: bytes would travel, and be parsed, as twice as many hexadecimal digits.
_INSERT = text(
    "INSERT INTO outbox (event_id, type, subject, headers, body, expires_at)"
    " VALUES (CAST(:event_id AS uuid), :type, :subject, CAST(:headers AS jsonb), convert_to(:body, 'UTF8'),"
    " :expires_at)"
)

# The order of the ids is the order of the events.
_INSERT_ALL = text(
    "INSERT INTO outbox (event_id, type, subject, headers, body)"
    " SELECT event_id, type, subject, headers, convert_to(body, 'UTF8')"
    " FROM ROWS FROM (json_to_recordset(CAST(:events AS json))"
    " AS (event_id uuid, type text, subject text, headers jsonb, body text)) WITH ORDINALITY"
    " ORDER BY ordinality"
)


def outbox_table(metadata: MetaData) -> Table:
    """Describe the table that ``ddl.create_outbox_v1`` makes, for a service's metadata."""
    table = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False, unique=True),
        Column("type", Text, nullable=False, comment="also the NATS subject"),
        Column("subject", Text, comment="ce-subject: what the event is about"),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False, comment="empty once expires_at has passed"),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
        Column("expires_at", DateTime(timezone=True)),
        Column("published_at", DateTime(timezone=True)),
        Column("stream_seq", BigInteger, comment="null: expired before it could be published"),
    )
    Index("outbox_waiting", table.c.id, postgresql_where=table.c.published_at.is_(None))
    Index("outbox_published", table.c.published_at, postgresql_where=table.c.published_at.is_not(None))
    Index("outbox_expiring", table.c.expires_at, postgresql_where=table.c.expires_at.is_not(None))
    return table


def enqueue(connection: Connection, event: Event, *, expires_at: datetime | None = None) -> None:
    """Write the event into the caller's transaction, as its last statement, after every row lock.

    Args:
        connection: inside a transaction; the event exists if and only if it commits.
        event: made by ``new_event``.
        expires_at: the body is blanked once this has passed (one-time links must not lie around).

    Raises:
        EventTooLarge: the body exceeds ``MAX_BODY_BYTES``.
        LookupError: no stream keeps events of this type, so the relay could never be rid of it.

    """
    values = _values(event)
    connection.execute(_INSERT, {**values, "headers": json.dumps(values["headers"]), "expires_at": expires_at})


def enqueue_all(connection: Connection, events: Sequence[Event]) -> None:
    """Write events, in their order, in one statement; see ``enqueue``.

    Raises:
        EventTooLarge: a body exceeds ``MAX_BODY_BYTES``.
        LookupError: no stream keeps events of one of the types.

    """
    if events:
        connection.execute(_INSERT_ALL, {"events": json.dumps([_values(event) for event in events])})


def _values(event: Event) -> dict[str, Any]:
    stream_of(event.type)
    body = event.body()
    if len(body) > MAX_BODY_BYTES:
        raise EventTooLarge(f"{event.type} has {len(body)} bytes, {MAX_BODY_BYTES} are allowed")
    return {
        "event_id": event.id,
        "type": event.type,
        "subject": event.subject,
        "headers": event.headers(),
        "body": body.decode(),
    }

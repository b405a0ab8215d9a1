"""The messages' states in the database: claimed under a lease, marked before the dot, settled with their event.

Times are the database's alone: processes whose clocks disagree still agree on who holds a lease.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mercadito_events.envelope import new_event
from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB

from notify.errors import LeaseLost
from notify.policy import FINAL, Outcome, State

SOURCE = "/mercadito/notify"
EXPIRE_BATCH = 100
MAX_REASON_CHARS = 500

# A dead process's message comes back here too: was its dot written, then its answer will never be seen. What the
# claimer still has in hand does not, even where its lease ran out because the database was away.
_CLAIM = text("""
    WITH due AS (
        SELECT id FROM messages
        WHERE (state IN ('queued', 'deferred') AND due_at <= now())
            OR (state = 'sending' AND lease_until <= now() AND id <> ALL (CAST(:in_hand AS bigint[])))
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE messages AS m
    SET state = 'sending', phase = 'dialogue', lease_owner = :owner, lease_until = now() + :lease,
        attempts = m.attempts + 1, unanswered = m.unanswered + (m.phase = 'dot')::int, updated_at = now()
    FROM due, intents AS i
    WHERE m.id = due.id AND i.id = m.intent_id
    RETURNING m.id, m.message_id, m.kind, m.person_id, m.order_id, m.attempts, m.unanswered, m.raw,
        m.expires_at <= now() AS expired, m.created_at, i.data, i.event_id, i.traceparent
""")
_MARK_DOT = text("""
    UPDATE messages SET phase = 'dot', raw = :raw, sha256 = :sha256, lease_until = now() + :lease, updated_at = now()
    WHERE id = :id AND state = 'sending' AND lease_owner = :owner AND lease_until > now()
""")
_RENEW = text("""
    UPDATE messages SET lease_until = now() + :lease
    WHERE id = ANY (CAST(:in_hand AS bigint[])) AND state = 'sending' AND lease_owner = :owner
""")
# The bytes are kept only while they may be needed again: they hold names and an address.
_SETTLE = text("""
    UPDATE messages
    SET state = :state, phase = 'none', reason = :reason, unanswered = :unanswered,
        attempts = attempts - :not_counted, due_at = now() + :delay, lease_owner = NULL, lease_until = NULL,
        raw = CASE WHEN :unanswered > 0 AND :state <> 'sent' THEN raw END,
        settled_at = CASE WHEN :final THEN now() END, updated_at = now()
    WHERE id = :id AND state = 'sending' AND lease_owner = :owner
    RETURNING id, message_id, kind, person_id, order_id
""")
_EXPIRE = text("""
    WITH late AS (
        SELECT id FROM messages WHERE state IN ('queued', 'deferred') AND expires_at <= now()
        ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    UPDATE messages AS m
    SET state = CASE WHEN m.unanswered > 0 THEN 'unknown' ELSE 'expired' END, settled_at = now(), updated_at = now(),
        reason = concat_ws('; last: ', 'too late to be of use', m.reason)
    FROM late, intents AS i
    WHERE m.id = late.id AND i.id = m.intent_id
    RETURNING m.id, m.message_id, m.kind, m.person_id, m.order_id, m.state, m.reason, i.traceparent
""")

# What each state that others should know of is called in our events; the final ones beside "sent" count as failed.
EVENTS = {
    State.SENT: "notify.email.sent.v1",
    State.DEFERRED: "notify.email.deferred.v1",
    State.FAILED: "notify.email.failed.v1",
    State.UNKNOWN: "notify.email.failed.v1",
    State.EXPIRED: "notify.email.failed.v1",
}


@dataclass(frozen=True, slots=True)
class Lease:
    """Who claims, and for how long without a sign of life."""

    owner: str
    length: timedelta


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in hand; ``attempts`` includes this one, ``raw`` is set when an earlier dot was not answered."""

    id: int
    message_id: str
    kind: str
    person_id: str
    order_id: str | None
    attempts: int
    unanswered: int
    raw: bytes | None
    expired: bool
    created_at: datetime
    data: Mapping[str, Any]
    event_id: str
    traceparent: str | None


def claim(connection: Connection, lease: Lease, limit: int, in_hand: Collection[int] = ()) -> list[Claimed]:
    """Take up to ``limit`` messages that are due or whose holder gave no sign of life; nobody else gets them then.

    ``in_hand`` are the claimer's own that are still under way: those it does not take twice.
    """
    values = {"owner": lease.owner, "lease": lease.length, "limit": limit, "in_hand": list(in_hand)}
    rows = connection.execute(_CLAIM.columns(data=JSONB), values).mappings()
    claimed = [Claimed(**{**row, "raw": None if row["raw"] is None else bytes(row["raw"])}) for row in rows]
    return sorted(claimed, key=lambda message: message.id)


def renew(connection: Connection, lease: Lease, in_hand: Collection[int]) -> None:
    """Give a sign of life for what is in hand, and not for what was given up and shall come back by its lease."""
    connection.execute(_RENEW, {"owner": lease.owner, "lease": lease.length, "in_hand": list(in_hand)})


def mark_dot(connection: Connection, lease: Lease, message: Claimed, raw: bytes) -> None:
    """Record, with the very bytes, that the final dot is about to be written; commit before writing it.

    Raises:
        LeaseLost: the message may be in other hands; the dot must not be written.

    """
    values = {
        "id": message.id,
        "owner": lease.owner,
        "lease": lease.length,
        "raw": raw,
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    if connection.execute(_MARK_DOT, values).rowcount != 1:
        raise LeaseLost(f"message {message.id} before its dot")


def settle(connection: Connection, lease: Lease, message: Claimed, outcome: Outcome) -> None:
    """Record the outcome of an attempt and, in the same transaction, tell the world.

    Raises:
        LeaseLost: another process has taken the message over and will settle it.

    """
    reason = None if outcome.reason is None else outcome.reason[:MAX_REASON_CHARS]
    values = {
        "id": message.id,
        "owner": lease.owner,
        "state": outcome.state.value,
        "reason": reason,
        "unanswered": outcome.unanswered,
        "not_counted": 0 if outcome.attempt_counts else 1,
        "delay": timedelta(seconds=outcome.delay_s),
        "final": outcome.state in FINAL,
    }
    row = connection.execute(_SETTLE, values).one_or_none()
    if row is None:
        raise LeaseLost(f"message {message.id} before its outcome")
    _tell(connection, row, outcome.state, reason, message.traceparent)


def expire(connection: Connection) -> list[str]:
    """Close messages that waited beyond their use; return the states they ended in."""
    rows = connection.execute(_EXPIRE, {"batch": EXPIRE_BATCH}).all()
    for row in rows:
        _tell(connection, row, State(row.state), row.reason, row.traceparent)
    return [row.state for row in rows]


def _tell(
    connection: Connection, row: Row[tuple[object, ...]], state: State, reason: str | None, traceparent: str | None
) -> None:
    if state not in EVENTS:
        return
    data = {
        "kind": row.kind,
        "person_id": row.person_id,
        "message_id": row.message_id,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    data |= {"order_id": row.order_id} if row.order_id else {}
    data |= {"reason": f"{state.value}: {reason}" if state is State.UNKNOWN else reason} if reason else {}
    subject = row.order_id or row.person_id
    enqueue(connection, new_event(EVENTS[state], data, source=SOURCE, subject=str(subject), traceparent=traceparent))

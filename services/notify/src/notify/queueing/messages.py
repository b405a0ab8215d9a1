"""The messages' states in the database: claimed under a lease, marked before the dot, settled with their event.

Times are the database's alone: processes whose clocks disagree still agree on who holds a lease.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mercadito_events.envelope import Event, new_event
from mercadito_events.outbox import enqueue_all
from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB

from notify.kinds import kinds
from notify.queueing.attempts import Met, Phase
from notify.queueing.policy import FINAL, Outcome, State
from notify.queueing.rates import Allowance
from notify.recipients import suppressions

SOURCE = "/mercadito/notify"
EXPIRE_BATCH = 100
# Where each domain has its share: so many times as many as are wanted are looked at, in the order of the queue.
LOOK_FURTHER = 4
MAX_REASON_CHARS = 500
NOTHING_TRIED = Met(Phase.GIVEN_UP)

# A dead process's message comes back here too: was its dot written, then its answer will never be seen. What the
# claimer still has in hand does not, even where its lease ran out because the database was away; nor, for a while, what
# another one may have handed over and could not write down for the same reason (`with_dots`). What a relay may have
# taken goes to that relay again or nowhere; in hold mode only what goes to the allowed addresses. Kinds that this
# version does not know are left to the newer one that wrote them: both run during a deploy.
# The switch stands in the statement itself: once a hold is committed, no process claims anything more.
_ALLOWED = """
    NOT coalesce((SELECT held FROM queue_switches ORDER BY id DESC LIMIT 1), false)
    AND m.kind = ANY (CAST(:kinds AS text[]))
    AND (m.unanswered + (m.phase = 'dot')::int = 0 OR coalesce(m.given_to, '') <> ALL (CAST(:away AS text[])))
    AND (CAST(:only_to AS text[]) IS NULL OR EXISTS (
        SELECT FROM contacts AS c WHERE c.person_id = m.person_id AND lower(c.email) = ANY (CAST(:only_to AS text[]))))
"""
_CLAIM = text(f"""
    WITH lapsed AS (
        SELECT id, priority, due_at, recipient_domain FROM messages AS m
        WHERE state = 'sending' AND lease_until <= now() AND id <> ALL (CAST(:in_hand AS bigint[])) AND {_ALLOWED}
            AND (phase <> 'dot' OR :with_dots)
        ORDER BY lease_until LIMIT :look_at FOR UPDATE SKIP LOCKED),
    due AS (
        SELECT id, priority, due_at, recipient_domain FROM messages AS m
        WHERE state IN ('queued', 'deferred') AND due_at <= now() AND {_ALLOWED}
            AND coalesce(recipient_domain, '') <> ALL (CAST(:full_domains AS text[]))
        ORDER BY priority, due_at, id LIMIT :look_at FOR UPDATE SKIP LOCKED),
    ranked AS (
        SELECT *, row_number() OVER (PARTITION BY recipient_domain ORDER BY priority, due_at, id) AS nth
        FROM (SELECT * FROM lapsed UNION ALL SELECT * FROM due) AS found),
    chosen AS (
        SELECT id FROM ranked
        WHERE CAST(:each_domain AS int) IS NULL
            OR nth <= coalesce((CAST(:domains AS jsonb) ->> recipient_domain)::int, :each_domain)
        ORDER BY priority, due_at, id LIMIT :limit),
    lost AS (
        INSERT INTO attempts (mail_id, phase, answer, state, counted)
        SELECT m.id, CASE m.phase WHEN 'dot' THEN 'dot' ELSE 'content' END, 'the sender ended without a word', 'lost',
            true
        FROM chosen JOIN messages AS m ON m.id = chosen.id WHERE m.state = 'sending')
    UPDATE messages AS m
    SET state = 'sending', phase = 'dialogue', lease_owner = :owner, lease_until = now() + :lease,
        attempts = m.attempts + 1, unanswered = m.unanswered + (m.phase = 'dot')::int, updated_at = now()
    FROM chosen, intents AS i
    WHERE m.id = chosen.id AND i.id = m.intent_id
    RETURNING m.id, m.message_id, m.kind, m.person_id, m.order_id, m.attempts, m.unanswered, m.raw,
        m.expires_at <= now() AS expired, m.created_at,
        CAST(extract(epoch FROM m.expires_at - clock_timestamp()) AS double precision) AS expires_in_s,
        i.data, i.event_id, i.traceparent, m.priority, m.given_to,
        coalesce(m.recipient_domain, '') AS domain,
        CASE WHEN m.attempts > 1 THEN (
            SELECT count(*) FROM attempts AS a WHERE a.mail_id = m.id AND a.counted AND a.code >= 500
                AND a.at > coalesce((SELECT max(r.at) FROM resends AS r WHERE r.mail_id = m.id), '-infinity')
        ) ELSE 0 END AS doubts
""")  # noqa: S608 - of our own text alone
# Of several at once; what is not returned was not the caller's any more.
# The bytes go over as text, a character each: as bytea they would travel, and be parsed, as twice as many digits.
_MARK_DOTS = text("""
    UPDATE messages AS m
    SET phase = 'dot', raw = d.raw, sha256 = encode(sha256(d.raw), 'hex'), given_to = d.relay,
        lease_until = now() + :lease, updated_at = now()
    FROM (SELECT id, convert_to(characters, 'LATIN1') AS raw, relay FROM unnest(
            CAST(:ids AS bigint[]), CAST(:raws AS text[]), CAST(:relays AS text[])) AS given (id, characters, relay)
        ) AS d
    WHERE m.id = d.id AND m.state = 'sending' AND m.lease_owner = :owner AND m.lease_until > now()
    RETURNING m.id
""")
# What another transaction has in its hands is being settled: it needs no lease, and waiting for it could deadlock.
_RENEW = text("""
    UPDATE messages SET lease_until = now() + :lease WHERE id IN (
        SELECT id FROM messages
        WHERE id = ANY (CAST(:in_hand AS bigint[])) AND state = 'sending' AND lease_owner = :owner
        FOR UPDATE SKIP LOCKED)
""")
# The bytes are kept only while they may be needed again: they hold names and an address, some a link.
# That a relay took it counts also from a claimer whose lease ran out meanwhile: a dot that it wrote was counted as
# unanswered when another took the message over, and here is the answer; unless that one has written a dot, too.
_SETTLE = text("""
    WITH s AS (
        SELECT * FROM jsonb_to_recordset(CAST(:settled AS jsonb)) AS given (
            id bigint, state text, reason text, unanswered smallint, not_counted smallint, delay_s double precision,
            final boolean, took_ms integer, relay text, met_phase text, code smallint, answer text)),
    settled AS (
    UPDATE messages AS m
    SET state = s.state, phase = 'none', reason = s.reason, unanswered = s.unanswered,
        attempts = m.attempts - s.not_counted, due_at = now() + make_interval(secs => s.delay_s),
        lease_owner = NULL, lease_until = NULL,
        raw = CASE WHEN s.unanswered > 0 AND s.state IN ('queued', 'deferred') THEN m.raw END,
        given_to = CASE WHEN s.unanswered > 0 OR s.state = 'sent' THEN m.given_to END,
        settled_at = CASE WHEN s.final THEN now() END, updated_at = now()
    FROM s
    WHERE m.id = s.id AND (m.state = 'sending' AND m.lease_owner = :owner
        OR s.state = 'sent' AND m.unanswered > 0 AND m.phase <> 'dot'
            AND m.state IN ('sending', 'queued', 'deferred', 'unknown'))
    RETURNING m.id, m.message_id, m.kind, m.person_id, m.order_id),
    kept AS (
        INSERT INTO attempts (mail_id, took_ms, relay, phase, code, answer, state, counted)
        SELECT id, took_ms, relay, met_phase, code, answer, state, not_counted = 0
        FROM s WHERE id IN (SELECT id FROM settled) ORDER BY id)
    SELECT * FROM settled
""")
_EXPIRE = text("""
    WITH late AS (
        SELECT id FROM messages WHERE state IN ('queued', 'deferred') AND expires_at <= now()
        ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    UPDATE messages AS m
    SET state = CASE WHEN m.unanswered > 0 THEN 'unknown' ELSE 'expired' END, settled_at = now(), updated_at = now(),
        raw = NULL, reason = concat_ws('; last: ', 'too late to be of use', m.reason)
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
    State.SUPPRESSED: "notify.email.suppressed.v1",
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
    expires_in_s: float
    """When it was claimed."""
    created_at: datetime
    data: Mapping[str, Any]
    event_id: str
    traceparent: str | None
    priority: int
    given_to: str | None
    """The relay that may have it, by its name in our settings."""
    domain: str
    doubts: int
    """Permanent refusals since a person had it sent, if one did: of each it was in doubt whom it meant."""
    claimed_at: float = field(default_factory=time.monotonic)

    @property
    def in_hand_s(self) -> float:
        """Return for how long it has been in hand, by this process's own clock."""
        return time.monotonic() - self.claimed_at

    @property
    def is_late(self) -> bool:
        """Tell whether it is of no use any more by now."""
        return self.in_hand_s >= self.expires_in_s


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which messages may be claimed now."""

    limit: int
    away: Sequence[str] = ()
    """The relays that cannot be used."""
    allowance: Allowance = field(default_factory=Allowance)
    only_to: Collection[str] | None = None
    """The addresses, in lower case, that may be written to; None: all."""
    with_dots: bool = True
    """Whether what others may have handed over may be taken on, where their lease ran out."""


@dataclass(frozen=True, slots=True)
class Dotted:
    """A message whose final dot is about to be written, and to which relay."""

    message: Claimed
    raw: bytes
    relay: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """A message, what its attempt led to, and what it met on the way."""

    message: Claimed
    outcome: Outcome
    met: Met = NOTHING_TRIED
    recovered: str | None = None
    """A relay that answers again after a fault."""


def claim(connection: Connection, lease: Lease, terms: Terms, in_hand: Collection[int] = ()) -> list[Claimed]:
    """Take messages that are due or whose holder gave no sign of life, the urgent first; nobody else gets them then.

    ``in_hand`` are the claimer's own that are still under way: those it does not take twice.
    """
    allowance = terms.allowance
    limit = min(terms.limit, allowance.mails)
    values = {
        "owner": lease.owner,
        "lease": lease.length,
        "limit": limit,
        # Where a domain has its share, the next ones in line are looked at as well.
        "look_at": limit if allowance.each_domain is None else LOOK_FURTHER * limit,
        "in_hand": list(in_hand),
        "kinds": sorted(kinds()),
        "away": list(terms.away),
        "with_dots": terms.with_dots,
        "only_to": None if terms.only_to is None else sorted(terms.only_to),
        "each_domain": allowance.each_domain,
        "domains": json.dumps(dict(allowance.domains)),
        "full_domains": [domain for domain, mails in allowance.domains.items() if mails < 1],
    }
    rows = connection.execute(_CLAIM.columns(data=JSONB), values).mappings()
    claimed = [Claimed(**{**row, "raw": None if row["raw"] is None else bytes(row["raw"])}) for row in rows]
    return sorted(claimed, key=lambda message: (message.priority, message.id))


def renew(connection: Connection, lease: Lease, in_hand: Collection[int]) -> None:
    """Give a sign of life for what is in hand, and not for what was given up and shall come back by its lease."""
    connection.execute(_RENEW, {"owner": lease.owner, "lease": lease.length, "in_hand": list(in_hand)})


def mark_dots(connection: Connection, lease: Lease, dotted: Sequence[Dotted]) -> Collection[int]:
    """Record, with the very bytes, that these final dots are about to be written; commit before writing them.

    Return the messages for which it was recorded: the others may be in other hands, their dots must not be written.
    """
    values = {
        "owner": lease.owner,
        "lease": lease.length,
        "ids": [one.message.id for one in dotted],
        "raws": [one.raw.decode("latin-1") for one in dotted],
        "relays": [one.relay for one in dotted],
    }
    return set(connection.scalars(_MARK_DOTS, values))


def settle(connection: Connection, lease: Lease, settlements: Sequence[Settlement]) -> Collection[int]:
    """Record the outcomes of attempts and, in the same transaction, tell the world.

    Return the messages for which it was recorded: another process has taken the others over and will settle them.
    """
    told = {one.message.id: one for one in settlements}
    values = {"owner": lease.owner, "settled": json.dumps([_settled(one) for one in settlements])}
    # In the messages' order: rows come in any.
    rows = sorted(connection.execute(_SETTLE, values).all(), key=lambda row: row.id)
    ends = [(row, told[row.id]) for row in rows]
    events = [_event(row, _reason(one), one.outcome.state, one.message.traceparent) for row, one in ends]
    for _, one in ends:
        if one.met.phase is Phase.RECIPIENT and one.met.code is not None and one.outcome.state in FINAL:
            person, kind = one.message.person_id, one.message.kind
            suppressions.refused(connection, person, kind, one.met.code, one.met.answer or "")
    enqueue_all(connection, [event for event in events if event is not None])
    return {row.id for row in rows}


def _settled(one: Settlement) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "id": one.message.id,
        "state": outcome.state.value,
        "reason": _reason(one),
        "unanswered": outcome.unanswered,
        "not_counted": 0 if outcome.attempt_counts else 1,
        "delay_s": outcome.delay_s,
        "final": outcome.state in FINAL,
        "took_ms": one.met.took_ms,
        "relay": one.met.relay,
        "met_phase": one.met.phase.value,
        "code": one.met.code,
        "answer": one.met.answer or _reason(one),
    }


def expire(connection: Connection) -> list[tuple[str, str]]:
    """Close messages that waited beyond their use; return the kind of each and the state it ended in."""
    rows = connection.execute(_EXPIRE, {"batch": EXPIRE_BATCH}).all()
    events = [_event(row, row.reason, State(row.state), row.traceparent) for row in rows]
    enqueue_all(connection, [event for event in events if event is not None])
    return [(row.kind, row.state) for row in rows]


def tell_failed(connection: Connection, row: Row[tuple[object, ...]], reason: str) -> None:
    """Tell the world that a mail did not arrive, though the relay had taken it."""
    if (event := _event(row, reason, State.FAILED, None)) is not None:
        enqueue_all(connection, [event])


def _reason(one: Settlement) -> str | None:
    return None if one.outcome.reason is None else one.outcome.reason[:MAX_REASON_CHARS]


def _event(row: Row[tuple[object, ...]], reason: str | None, state: State, traceparent: str | None) -> Event | None:
    if state not in EVENTS:
        return None
    data = {
        "kind": row.kind,
        "person_id": row.person_id,
        "message_id": row.message_id,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    data |= {"order_id": row.order_id} if row.order_id else {}
    data |= {"reason": f"{state.value}: {reason}" if state is State.UNKNOWN else reason} if reason else {}
    subject = str(row.order_id or row.person_id)
    return new_event(EVENTS[state], data, source=SOURCE, subject=subject, traceparent=traceparent)

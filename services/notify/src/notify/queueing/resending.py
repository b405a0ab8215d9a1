"""A person has a mail sent again: the same message with its key and Message-ID, from the start of the queue."""

from datetime import UTC, datetime, timedelta

from mercadito_events.inbox import Permanent
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB

from notify.kinds import kinds
from notify.queueing.policy import State

WAITING = frozenset({State.QUEUED, State.SENDING, State.DEFERRED})
# What is still held back when its turn comes is so again.
RESENDABLE = frozenset({State.FAILED, State.UNKNOWN, State.EXPIRED, State.SUPPRESSED})

_FIND = text("""
    SELECT m.id, m.kind, m.state, i.data FROM messages AS m JOIN intents AS i ON i.id = m.intent_id
    WHERE m.id = :id FOR UPDATE OF m
""").columns(data=JSONB)
# Written anew for the address and in the language of now; what makes it the same mail is its Message-ID.
_AGAIN = text("""
    UPDATE messages
    SET state = 'queued', phase = 'none', attempts = 0, unanswered = 0, raw = NULL, reason = NULL, due_at = now(),
        expires_at = greatest(expires_at, :expires_at), settled_at = NULL, updated_at = now()
    WHERE id = :id
""")
# What came back was the mail of before: if this one does, too, that is news again.
_FORGET_REPORTS = text("DELETE FROM bounces WHERE mail_id = :id")
_REMEMBER = text("INSERT INTO resends (mail_id, person_id, from_state) VALUES (:id, :person_id, :from_state)")


class NotResendable(Exception):
    """The mail cannot be sent again; ``why`` is a slug, the text says it."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def resend(connection: Connection, mail_id: int, *, person_id: str) -> bool:
    """Put a mail that did not arrive back into the queue; False when there is none. One that waits goes on waiting.

    Raises:
        NotResendable: it was sent, or what it is about is over.

    """
    row = connection.execute(_FIND, {"id": mail_id}).one_or_none()
    if row is None:
        return False
    if row.state in WAITING:
        return True
    if row.state not in RESENDABLE:
        raise NotResendable("not-resendable", f"This mail is {row.state}: only one that did not arrive is sent again.")
    expires_at = _useful_until(row.kind, row.data)
    connection.execute(_AGAIN, {"id": mail_id, "expires_at": expires_at})
    connection.execute(_FORGET_REPORTS, {"id": mail_id})
    connection.execute(_REMEMBER, {"id": mail_id, "person_id": person_id, "from_state": row.state})
    return True


def can_resend(state: State, kind: str, *, has_link: bool) -> bool:
    """Say whether it is worth offering."""
    known = kinds().get(kind)
    return state in RESENDABLE and known is not None and (known.ends_at is None or has_link)


def _useful_until(name: str, data: dict[str, object]) -> datetime:
    now = datetime.now(UTC)
    try:
        kind = kinds()[name]
        about = kind.reading.of(data)
    except (KeyError, Permanent):
        # One-time links are taken out when a mail is given up; or another version of this service wrote it.
        raise NotResendable("over", "What this mail was about is over: a new one is needed.") from None
    ends_at = now + kind.expires_after if kind.ends_at is None else kind.ends_at(about)
    if ends_at <= now + timedelta(seconds=1):
        raise NotResendable("over", "What this mail was about is over: a new one is needed.")
    return ends_at

"""Addresses that mails came back from: held back for the class of that mail until staff or a new address lift it.

Per class, so that a price digest that was refused never keeps a password reset from being tried.
"""

from typing import Final, Literal

import structlog
from sqlalchemy import Connection, text

from notify.kinds import kinds
from notify.recipients.refusals import LOWEST_PERMANENT, Subject, subject_of, subject_of_report

Cause = Literal["refused", "bounced", "complained"]
MAX_DETAIL_CHARS: Final = 500
# So many at once are rather a relay that says something wrong of everybody: what is beyond is told, and not held back.
MOST_AN_HOUR: Final = 20

_log = structlog.get_logger(__name__)

_HOLD = text("""
    INSERT INTO suppressions (email, class, person_id, cause, detail)
    SELECT lower(email), :class, person_id, :cause, :detail FROM contacts WHERE person_id = :person_id
    ON CONFLICT (email, class) WHERE lifted_at IS NULL DO NOTHING
""")
_OF_THE_HOUR = text("""
    SELECT count(*) FROM suppressions WHERE created_at > now() - interval '1 hour' AND cause <> 'complained'
""")
_LIFT = text("""
    UPDATE suppressions SET lifted_at = now(), lifted_by = :by, lift_reason = :reason
    WHERE id = :id AND lifted_at IS NULL
""")


def refused(connection: Connection, person_id: str, kind: str, code: int, answer: str) -> None:
    """Hold an address back when a relay's answer to RCPT says that it does not exist."""
    if is_dead(code, answer):
        hold_back(connection, person_id, kind, "refused", answer)


def hold_back(connection: Connection, person_id: str, kind: str, cause: Cause, detail: str) -> None:
    """Send no more of this kind's class to the person's present address; doing so twice is doing so once."""
    known = kinds().get(kind)
    if known is not None and not (cause != "complained" and _too_many(connection, kind)):
        values = {"person_id": person_id, "class": known.group.value, "cause": cause}
        connection.execute(_HOLD, values | {"detail": detail[:MAX_DETAIL_CHARS]})


def lift(connection: Connection, suppression_id: int, *, by: str, reason: str) -> bool:
    """Let mails go there again; return whether it was held."""
    return connection.execute(_LIFT, {"id": suppression_id, "by": by, "reason": reason}).rowcount == 1


def is_dead_report(status: str, detail: str) -> bool:
    """Say the same of a bounce; one without any status is taken at its word."""
    return not status or subject_of_report(status, detail) is Subject.ADDRESS


def is_dead(code: int, answer: str) -> bool:
    """Say whether a refusal means that the address itself is at fault, for good."""
    return code >= LOWEST_PERMANENT and subject_of(code, answer) is Subject.ADDRESS


def _too_many(connection: Connection, kind: str) -> bool:
    if (connection.scalar(_OF_THE_HOUR) or 0) < MOST_AN_HOUR:
        return False
    _log.error("alarm_many_held_back", kind=kind, most=MOST_AN_HOUR)
    return True

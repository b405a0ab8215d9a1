"""Addresses that mails came back from: held back for the class of that mail until staff or a new address lift it.

Per class, so that a price digest that was refused never keeps a password reset from being tried.
"""

import re
from typing import Final, Literal

from sqlalchemy import Connection, text

from notify.kinds import kinds

Cause = Literal["refused", "bounced", "complained"]
MAX_DETAIL_CHARS: Final = 500
LOWEST_PERMANENT: Final = 500
# RFC 3463: no such mailbox, no such domain, bad syntax, moved, null MX, disabled. Not a full mailbox (5.2.2), not our
# reputation (5.7.x), not trouble on the way (5.3.x, 5.4.x): those say nothing about the address.
_DEAD = re.compile(r"5\.(1\.([0-6]|10)|2\.1|0\.0)")
_STATUS = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")
# What counts where the relay gives no such status.
_DEAD_CODES = frozenset({550, 551, 553})

_HOLD = text("""
    INSERT INTO suppressions (email, class, person_id, cause, detail)
    SELECT lower(email), :class, person_id, :cause, :detail FROM contacts WHERE person_id = :person_id
    ON CONFLICT (email, class) WHERE lifted_at IS NULL DO NOTHING
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
    if known is not None:
        values = {"person_id": person_id, "class": known.group.value, "cause": cause}
        connection.execute(_HOLD, values | {"detail": detail[:MAX_DETAIL_CHARS]})


def lift(connection: Connection, suppression_id: int, *, by: str, reason: str) -> bool:
    """Let mails go there again; return whether it was held."""
    return connection.execute(_LIFT, {"id": suppression_id, "by": by, "reason": reason}).rowcount == 1


def is_dead_status(status: str) -> bool:
    """Say the same of a bounce's status; one without any is taken at its word."""
    return not status or _DEAD.fullmatch(status) is not None


def is_dead(code: int, answer: str) -> bool:
    """Say whether a refusal means that the address itself is at fault, for good."""
    status = _STATUS.search(answer)
    if status is not None:
        return code >= LOWEST_PERMANENT and _DEAD.fullmatch(status.group()) is not None
    return code in _DEAD_CODES

"""What a relay's permanent refusal speaks of: the address, this one mail, or perhaps us.

Only the first is a reason to write to that address no more. The last is in doubt: relays say "relay access denied",
"daily limit exceeded" or "blocked" to each mail in turn, and mean whoever sends.
"""

import re
from enum import Enum, auto

LOWEST_PERMANENT = 500
# Of the mailbox's size, or of the mail's; what counts where the relay gives no status.
TOO_MUCH = 552
# RFC 3463: no such mailbox, no such domain, bad syntax, moved, null MX, disabled. Not a full mailbox (5.2.2), not our
# reputation (5.7.x), not trouble on the way (5.3.x, 5.4.x), nor our own sender (5.1.7, 5.1.8).
_OF_ADDRESS = re.compile(r"5\.(1\.([0-6]|10)|2\.1)")
# Full, bigger than it takes, a form that it cannot pass on.
_OF_MAIL = re.compile(r"5\.(2\.\d+|3\.4|6\.\d+)")
# "Other or undefined": what servers write that have not thought about it. It says no more than none.
_SAYS_NOTHING = "5.0.0"
# "Other" of the address, and of the mailbox: what some servers write of whoever sends, too.
_SAYS_LITTLE = frozenset({"5.1.0", "5.2.0"})
_STATUS = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")
_CODE = re.compile(r"(?<![\d.])5\d\d(?![\d.])")
_ADDRESS_CODES = frozenset({550, 551, 553})
_NOBODY = re.compile(
    r"no such|nobody|no mailbox|(does not|doesn't|not) exist"
    r"|(unknown|invalid|bad|unrouteable) (local |virtual )?(user|recipient|mailbox|address|account|destination)"
    r"|(user|recipient|mailbox|account)( is)? (unknown|not found|disabled|inactive)",
    re.IGNORECASE,
)
_OF_US = re.compile(r"sender|relay|helo|ehlo|blocked|listed", re.IGNORECASE)


class Subject(Enum):
    """Whom a refusal is about."""

    ADDRESS = auto()
    MAIL = auto()
    """This mail, or this reader's mailbox as it is now."""
    IN_DOUBT = auto()
    """Perhaps us, perhaps the mail: what others are told tells which."""


def subject_of(code: int, answer: str) -> Subject:
    """Say whom a refusal with this code and these words is about."""
    status, is_of_us = _status_in(answer), _OF_US.search(answer)
    if status is not None:
        return Subject.IN_DOUBT if status in _SAYS_LITTLE and is_of_us else subject_of_status(status)
    if code == TOO_MUCH and not is_of_us:
        return Subject.MAIL
    if code in _ADDRESS_CODES and _NOBODY.search(answer) and not is_of_us:
        return Subject.ADDRESS
    return Subject.IN_DOUBT


def subject_of_status(status: str) -> Subject:
    """Say the same of a status alone (RFC 3463)."""
    if _OF_ADDRESS.fullmatch(status):
        return Subject.ADDRESS
    return Subject.MAIL if _OF_MAIL.fullmatch(status) else Subject.IN_DOUBT


def subject_of_report(status: str, diagnostic: str) -> Subject:
    """Say the same of a report; the other server's own words count where the status says nothing."""
    if status != _SAYS_NOTHING:
        return subject_of_status(status)
    code = _CODE.search(diagnostic)
    return Subject.IN_DOUBT if code is None else subject_of(int(code.group()), diagnostic)


def _status_in(answer: str) -> str | None:
    return next((one for one in _STATUS.findall(answer) if one != _SAYS_NOTHING), None)

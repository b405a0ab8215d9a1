"""What follows from an attempt: when to try again, when to give up, when nobody can know (reliability.md §1.1b)."""

import random
from dataclasses import dataclass
from enum import StrEnum

from notify.errors import ConversationLost, DeliveryError, Refused, RelayFault
from notify.recipients.refusals import Subject, subject_of
from notify.sending.smtp import PERMANENT

# Minutes first, for a relay that hiccups; hours later, for one that is ill. The last repeats until the kind's expiry.
BACK_OFF_S = (60.0, 300.0, 900.0, 3_600.0, 10_800.0, 21_600.0)
JITTER = 0.2
# With BACK_OFF_S some 46 h, just inside the 48 h of a confirmation; a message that kills its sender also ends here.
MAX_ATTEMPTS = 12
# Dots written whose answer was never seen: after the first, one more try with the same bytes; after two, nobody knows.
# Of kinds of which two do more harm than none, nobody knows after the first.
MAX_UNANSWERED = 2
UNANSWERED_ONCE = 1
# A refusal for good of which it is in doubt whether it means us: by the third, some six minutes later, it stands.
MAX_DOUBTFUL = 3
# Refused or lost while the relay was under suspicion: others go ahead, one of them may be taken and tell.
IN_DOUBT_AGAIN_S = 300.0


class State(StrEnum):
    """Where a message is in its life; all but the first two and ``deferred`` are final."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"


FINAL = frozenset({State.SENT, State.FAILED, State.UNKNOWN, State.EXPIRED, State.SUPPRESSED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that an attempt leads to; ``delay_s`` counts for ``queued`` and ``deferred``."""

    state: State
    reason: str | None = None
    delay_s: float = 0.0
    unanswered: int = 0
    attempt_counts: bool = True


def before_attempt(
    *, attempts: int, unanswered: int, expired: bool, most_unanswered: int = MAX_UNANSWERED
) -> Outcome | None:
    """Return why no further attempt may be made, or None when it may; ``attempts`` includes the one about to begin."""
    if unanswered >= most_unanswered:
        times = "once" if unanswered == UNANSWERED_ONCE else "twice"
        reason = f"{times} all of the message went to the relay and its answer was not seen"
        return Outcome(State.UNKNOWN, reason, unanswered=unanswered, attempt_counts=False)
    if expired or attempts > MAX_ATTEMPTS:
        reason = "too late to be of use" if expired else f"{MAX_ATTEMPTS} attempts"
        return _given_up(reason, unanswered, State.EXPIRED if expired else State.FAILED)
    return None


def held_back(reason: str) -> Outcome:
    """Return the outcome of a message that its reader does not want, or whose address is known not to work."""
    return Outcome(State.SUPPRESSED, reason, attempt_counts=False)


def kept_for_the_morning(reason: str, delay_s: float) -> Outcome:
    """Return the outcome of a message that can wait and came at night."""
    return Outcome(State.QUEUED, reason, delay_s, attempt_counts=False)


def accepted() -> Outcome:
    """Return the outcome of the relay's 250."""
    return Outcome(State.SENT)


def unsendable(reason: str, unanswered: int) -> Outcome:
    """Return the outcome of a message that no mail can be made of."""
    return _given_up(reason, unanswered, State.FAILED)


def after_error(
    error: DeliveryError,
    *,
    attempts: int,
    unanswered: int,
    dice: random.Random,
    most_unanswered: int = MAX_UNANSWERED,
    doubts: int = 0,
) -> Outcome:
    """Return what an attempt that ended with ``error`` leads to.

    Args:
        error: how the attempt ended.
        attempts: how many there were, this one included.
        unanswered: dots without an answer before this attempt.
        dice: where jitter comes from.
        most_unanswered: after so many of them nobody knows.
        doubts: refusals before this one that perhaps meant us; tries that ended otherwise prove nothing.

    """
    if isinstance(error, RelayFault):
        again_in_s = IN_DOUBT_AGAIN_S if error.in_doubt else 0.0
        return Outcome(State.QUEUED, str(error), again_in_s, unanswered, attempt_counts=False)
    if (
        isinstance(error, Refused)
        and error.code >= PERMANENT
        and (doubts + 1 >= MAX_DOUBTFUL or not speaks_against_relay(error))
    ):
        return _given_up(str(error), unanswered, State.FAILED)
    if isinstance(error, ConversationLost) and error.after_dot:
        unanswered += 1
        if unanswered >= most_unanswered:
            return Outcome(State.UNKNOWN, str(error), unanswered=unanswered)
    if attempts >= MAX_ATTEMPTS:
        return _given_up(f"{MAX_ATTEMPTS} attempts; last: {error}", unanswered, State.FAILED)
    return Outcome(State.DEFERRED, str(error), back_off_s(attempts, dice), unanswered)


def speaks_against_relay(error: DeliveryError) -> bool:
    """Say whether an error that ended one message would, met by several in a row, be the relay's fault or ours."""
    if isinstance(error, Refused):
        return error.code >= PERMANENT and subject_of(error.code, str(error)) is Subject.IN_DOUBT
    return isinstance(error, ConversationLost)


def may_go_elsewhere(error: DeliveryError) -> bool:
    """Say whether another relay may try at once: it was surely not taken, and it is not known to be its own fault."""
    if isinstance(error, ConversationLost):
        return not error.after_dot
    return isinstance(error, RelayFault) or speaks_against_relay(error)


def back_off_s(attempts: int, dice: random.Random) -> float:
    """Return the pause after the given number of attempts, with jitter, so that a herd spreads."""
    base = BACK_OFF_S[min(max(attempts, 1), len(BACK_OFF_S)) - 1]
    return base * dice.uniform(1 - JITTER, 1 + JITTER)


def _given_up(reason: str, unanswered: int, state: State) -> Outcome:
    # An earlier try may have been taken: to call it failed would claim what we don't know.
    if unanswered:
        return Outcome(State.UNKNOWN, f"an earlier try may have been taken; then: {reason}", unanswered=unanswered)
    return Outcome(state, reason, attempt_counts=state is not State.EXPIRED)

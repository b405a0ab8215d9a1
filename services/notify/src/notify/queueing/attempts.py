"""What an attempt met, in few words: how far it got, with which relay, what that answered."""

from dataclasses import dataclass, replace
from enum import StrEnum

from notify.errors import ConversationLost, DeliveryError, Refused, RelayFault

MAX_ANSWER_CHARS = 500


class Phase(StrEnum):
    """How far an attempt got when it ended."""

    GIVEN_UP = "given_up"
    """Nothing was tried any more."""
    WRITING = "writing"
    """No mail could be made of the message."""
    RELAY = "relay"
    """Name, connection, encryption, sign-in or our own sender: the relay or the settings are at fault."""
    RECIPIENT = "recipient"
    """The relay was told whom it is for."""
    CONTENT = "content"
    """The relay was told what is in it; its final dot was not written."""
    DOT = "dot"
    """The final dot was written: from then on the relay may have taken the message."""


_REFUSED_AT = {"MAIL": Phase.RELAY, "RCPT": Phase.RECIPIENT, "DATA": Phase.CONTENT}


@dataclass(frozen=True, slots=True)
class Met:
    """What one attempt met; ``code`` and ``answer`` are the relay's, or ``answer`` says what broke."""

    phase: Phase
    relay: str | None = None
    code: int | None = None
    answer: str | None = None
    took_ms: int | None = None

    def lasting(self, seconds: float) -> "Met":
        """Return the same with how long the attempt took."""
        return replace(self, took_ms=round(seconds * 1_000))


def accepted(relay: str, code: int, text: str) -> Met:
    """Return what an attempt met whose dot was answered with a 2xx; such an answer often names the relay's own id."""
    return Met(Phase.DOT, relay, code, text[:MAX_ANSWER_CHARS])


def failed(error: DeliveryError, relay: str) -> Met:
    """Return what an attempt met that ended with ``error``."""
    answer = str(error)[:MAX_ANSWER_CHARS]
    if isinstance(error, Refused):
        return Met(_REFUSED_AT.get(error.at, Phase.DOT), relay, error.code, answer)
    if isinstance(error, RelayFault):
        return Met(Phase.RELAY, relay, answer=answer)
    after_dot = isinstance(error, ConversationLost) and error.after_dot
    return Met(Phase.DOT if after_dot else Phase.CONTENT, relay, answer=answer)

"""What can go wrong, as a tree.

NotifyError
├── DeliveryError           one attempt to hand a message to the relay did not end with its 250
│   ├── RelayFault          name, connection, TLS, sign-in, sender: not the message's fault; pauses the queue
│   ├── Refused             the relay answered 4xx or 5xx to this message
│   ├── Stale               a kept connection was gone before it was told anything; a new one will do
│   └── ConversationLost    the connection ended or hung; ``after_dot`` says whether the message may have been taken
├── Withheld                its turn has come, and it may not go now, or not any more
├── LeaseLost               another process has taken the message over; nothing more may be written for it
└── Unrenderable            no mail can be made of this for this person; permanent, for this message alone
"""


class NotifyError(Exception):
    """The base of this service's own errors."""


class DeliveryError(NotifyError):
    """One attempt did not end with the relay's 250."""


class RelayFault(DeliveryError):
    """The relay cannot be used at all right now, whoever the message is for.

    ``in_doubt``: it was told of this message, surely did not take it, and several such in a row are what speaks against
    the relay.
    """

    def __init__(self, reason: str, *, in_doubt: bool = False) -> None:
        super().__init__(reason)
        self.in_doubt = in_doubt


class Refused(DeliveryError):
    """The relay answered ``code`` to this message; 4xx may be tried again, 5xx while it is in doubt whom it means."""

    def __init__(self, code: int, text: str, *, at: str) -> None:
        super().__init__(f"{code} to {at}: {text}")
        self.code = code
        self.at = at


class Stale(DeliveryError):
    """The relay left, or had enough, between two messages: it heard nothing of this one."""


class ConversationLost(DeliveryError):
    """The connection broke or a deadline passed before the relay's final answer."""

    def __init__(self, reason: str, *, after_dot: bool) -> None:
        super().__init__(reason)
        self.after_dot = after_dot


class Withheld(NotifyError):
    """A message that waited in hand until it was too late, or its reader did not want it any more."""


class LeaseLost(NotifyError):
    """The message is no longer ours: its lease ran out and another process claimed it."""


class Unrenderable(NotifyError):
    """No mail can be made: a template failed or the address cannot be written in a header."""

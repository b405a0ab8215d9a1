"""Everything a mail needs beside its message, as the settings have it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from notify.queueing.rates import Rates
from notify.recipients.links import Links
from notify.recipients.quiet_hours import QuietHours
from notify.recipients.return_path import ReturnPath
from notify.sending.connections import Bounds
from notify.sending.relay import Relay
from notify.writing import mail
from notify.writing.dkim import Dkim
from notify.writing.rendering import Hub


@dataclass(frozen=True, slots=True)
class Post:
    """Everything a mail needs beside its message: who writes, by which relays, how fast, how it is turned off."""

    hub: Hub
    sender: mail.Sender
    domain: str
    relays: Sequence[Relay]
    """In the order in which they are preferred."""
    links: Links
    bounds: Bounds = field(default_factory=Bounds)
    rates: Rates = field(default_factory=Rates)
    quiet: QuietHours | None = None
    return_path: ReturnPath | None = None
    dkim: Dkim | None = None
    only_to: frozenset[str] | None = None
    """In hold mode: the addresses, in lower case, that are written to nevertheless; None: mail is sent to all."""

    @property
    def mode(self) -> Literal["send", "hold"]:
        """Whether mail leaves, as the settings say it."""
        return "send" if self.only_to is None else "hold"

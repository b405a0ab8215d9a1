"""What the alarms to those who run the system are about; this service finds it by itself (``queueing/alarms.py``)."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from notify.day_readings import Count, Words
from notify.readings import Id, Name, Reading

MAX_EVENTS = 5
MAX_KINDS = 40


class Alarm(Reading):
    """What every alarm says: when it was found."""

    at: AwareDatetime


class UnhandledEvent(Reading):
    """An event that could not be handled, and why; never what it said."""

    type: Name
    at: AwareDatetime
    error: Words


class UnhandledEvents(Alarm):
    """What one durable of this service could not handle within a day."""

    durable: Id
    number: Count
    newest: Annotated[tuple[UnhandledEvent, ...], Field(max_length=MAX_EVENTS)]


class GivenUpKind(Reading):
    """How many mails of one kind did not arrive, by how they ended."""

    kind: Id
    name: Name
    name_es: Name
    failed: Count = 0
    unknown: Count = 0
    expired: Count = 0
    unaddressed: Count = 0
    """Events for which nobody became known in time: there is no mail of them that a page could show."""

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.failed + self.unknown + self.expired + self.unaddressed


class GivenUpMails(Alarm):
    """The mails that were given up since the last alarm of this kind."""

    since: AwareDatetime
    kinds: Annotated[tuple[GivenUpKind, ...], Field(max_length=MAX_KINDS)]

    @property
    def total(self) -> int:
        """Return how many there are."""
        return sum(kind.total for kind in self.kinds)


class AwayRelay(Reading):
    """A mail relay that cannot be used, since when and why."""

    name: Literal["primary", "secondary"]
    since: AwareDatetime
    reason: Words


class AwayRelays(Alarm):
    """The relays that cannot be used; while all are away, every mail waits."""

    relays: Annotated[tuple[AwayRelay, ...], Field(min_length=1, max_length=2)]
    all_away: Annotated[bool, Field(strict=True)]

    @property
    def names(self) -> str:
        """Return which ones, as one word."""
        return "+".join(relay.name for relay in self.relays)

"""What a kind of mail is: a folder with templates in every language, a sample, and these rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from mercadito_events.envelope import Event
from sqlalchemy import Connection

from notify.readings import Reading
from notify.recipients.contacts import Contact
from notify.writing.formats import Language


class Group(StrEnum):
    """The class of a kind: what somebody turns off, or what a bounce holds back, is never more than one of these."""

    SECURITY = "security"
    """Invitations, resets, changed passwords: the account itself."""
    ORDERS = "orders"
    """What happened to an order of one's store, and what was said about it."""
    REMINDERS = "reminders"
    """That a market day opened, or is about to close without an order."""
    DIGEST = "digest"
    """What prices did."""
    OPERATIONS = "operations"
    """For those who run the hub: summaries and alarms."""

    @property
    def is_optional(self) -> bool:
        """Tell whether one may turn its kinds off; what is part of a dealing of one's own comes in any case."""
        return self not in (Group.SECURITY, Group.ORDERS)


class Priority(IntEnum):
    """What goes first when more waits than may leave at once."""

    URGENT = 0
    """Somebody sits in front of a screen and waits for it."""
    ORDINARY = 10
    BULK = 20
    """The same to many, at no particular minute."""


def _none(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of one kind; its folder's ``__init__.py`` holds one as ``KIND``."""

    name: str
    """Its folder's name, and what events and the delivery log call it."""
    group: Group
    """Its class, by which it can be turned off, or not, and by which an address is held back."""
    event_type: str | None
    """The event that causes it; None: no event but what this service finds by its own clock (``intents.say``)."""
    reading: type[Reading]
    """What is read of that event, kept, and seen by the templates as ``about``; see also ``of_event``."""
    expires_after: timedelta
    """From the event on; a mail later than that helps nobody."""
    about: Callable[[Any], str]
    """What it is about: nobody gets two of a kind about the same."""
    store_id: Callable[[Any], str | None] = _none
    """The store whose people may still become known, when it is about one."""
    order_id: Callable[[Any], str | None] = _none
    """The order it is shown on, when it is about one."""
    recipients: Callable[[Connection, Any], list[Contact]] | None = None
    """The rule of who gets it, asked when the mail is about to be queued (see ``audiences``); nobody means: not known
    yet. None: the people of its store, who are looked up for many mails at once."""
    ends_at: Callable[[Any], datetime] | None = None
    """When what it is about ends by itself, where it does: then there is nothing to mail any more."""
    moot: Callable[[Connection, Any, str], str | None] | None = None
    """Why there is nothing to say any more to a person (by id), asked when its turn comes; None: there still is."""
    can_wait: bool = False
    """Whether it may be held through the reader's night; what would then come too late goes at once nevertheless."""
    of_event: Callable[[Connection, Event], Sequence[Reading]] | None = None
    """What there is to say of an event, where that is not just its body: nothing, or more, or with what we know."""
    priority: Priority = Priority.ORDINARY
    again_when_unanswered: bool = True
    """Whether it is tried once more when the relay may have taken it: where two of it do less harm than none."""
    draw: Callable[[Any, Language], bytes | None] | None = None
    """Draws the PNG that its mails show, once for all readers of a language; None where it cannot be drawn."""

    def picture_key(self, about: Reading, language: Language) -> str | None:
        """Return under which name the picture of its mails is kept; None: they show none."""
        return None if self.draw is None else f"{self.name}:{self.about(about)}:{language}"

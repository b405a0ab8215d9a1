"""What a kind of mail is: a folder with templates in every language, a sample, and these rules."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from notify.contacts import Contact
from notify.readings import Reading


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of one kind; its folder's ``__init__.py`` holds one as ``KIND``."""

    name: str
    """Its folder's name, and what events and the delivery log call it."""
    event_type: str
    """The event that causes it."""
    reading: type[Reading]
    """What it reads of that event; the templates see it as ``about``."""
    expires_after: timedelta
    """From the event on; a mail later than that helps nobody."""
    about: Callable[[Any], str]
    """What it is about: nobody gets two of a kind about the same."""
    store_id: Callable[[Any], str | None]
    """The store whose people may still become known, when it is about one."""
    order_id: Callable[[Any], str | None]
    """The order it is shown on, when it is about one."""
    recipients: Callable[[Connection, Any], list[Contact]]
    """The rule of who gets it, asked when the mail is about to be queued; nobody means: not known yet."""
    ends_at: Callable[[Any], datetime] | None = None
    """When what it is about ends by itself, where it does: then there is nothing to mail any more."""

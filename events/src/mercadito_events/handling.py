"""What a service gives the consumer, and how it says that an event is hopeless."""

from collections.abc import Callable

from sqlalchemy import Connection

from mercadito_events.envelope import Event

Handler = Callable[[Connection, Event], None]
"""Runs in a thread, inside the transaction that also writes the inbox row; must not commit."""


class Permanent(Exception):
    """Raised by a handler for an event that can never succeed: it becomes a dead letter at once.

    Its text travels with the dead letter and into the log: no addresses, no secrets.
    """

"""The inbox: an event and its effect are recorded in one transaction, so a repeated delivery changes nothing."""

from collections.abc import Callable

from sqlalchemy import Column, Connection, DateTime, Index, MetaData, Table, Text, Uuid, func

from mercadito_events.envelope import Event

Handler = Callable[[Connection, Event], None]
"""Runs in a thread, inside the transaction that also writes the inbox row; must not commit."""


class Permanent(Exception):
    """Raised by a handler for an event that can never succeed: it becomes a dead letter at once."""


def inbox_table(metadata: MetaData) -> Table:
    """Describe the table that ``ddl.create_inbox_v1`` makes, for a service's metadata."""
    table = Table(
        "inbox",
        metadata,
        Column("durable", Text, primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("handled_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    )
    Index("inbox_handled", table.c.handled_at)
    return table

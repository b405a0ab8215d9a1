"""The inbox: an event and its effect are recorded in one transaction, so a repeated delivery changes nothing."""

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, Uuid, func

from mercadito_events.consumer import Consumer, ConsumerMissing, ConsumerStuck, Keeper, apply_once
from mercadito_events.dead_letters import DeadLetter
from mercadito_events.handling import Handler, Permanent

__all__ = [
    "Consumer",
    "ConsumerMissing",
    "ConsumerStuck",
    "DeadLetter",
    "Handler",
    "Keeper",
    "Permanent",
    "apply_once",
    "inbox_table",
]


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

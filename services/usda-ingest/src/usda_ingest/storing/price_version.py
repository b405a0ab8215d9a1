"""A number that grows with every transaction that changes what the price API answers: by it answers are kept.

A counter and not the newest of some timestamps: a clock can be set back, and a correction can take rows away.
"""

from datetime import datetime

from sqlalchemy import Connection, text

PriceVersion = tuple[int, datetime | None]
"""The number, and when it was reached: a database restored from a backup counts the same numbers again."""

_GROW = text("""
    INSERT INTO price_version (version, changed_at) VALUES (1, clock_timestamp())
    ON CONFLICT (is_only) DO UPDATE SET version = price_version.version + 1, changed_at = excluded.changed_at
""")


def grow(connection: Connection) -> None:
    """Count a change. Call it last: the row stays locked until the transaction ends."""
    connection.execute(_GROW)

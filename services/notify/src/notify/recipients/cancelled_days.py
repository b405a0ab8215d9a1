"""Market days that were cancelled after they had opened: what still waits about them is not sent."""

from typing import Final

from sqlalchemy import Connection, text

IS_CANCELLED: Final = "the market day was cancelled meanwhile"

# Whoever was told of the day is told of its end, by that kind's own intent.
_EXISTS = text("SELECT EXISTS (SELECT FROM intents WHERE key = 'cycle_cancelled:' || :cycle_id)")


def is_cancelled(connection: Connection, cycle_id: str) -> bool:
    """Say whether that day was cancelled, as far as events told."""
    return bool(connection.scalar(_EXISTS, {"cycle_id": cycle_id}))

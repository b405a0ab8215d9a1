"""Mails about an order that come too late because a newer one about it was sent: they would say what is no longer so.

Only one that was sent to the same person counts. While both wait, the older goes first, and the two tell what happened.
"""

from typing import Final

from sqlalchemy import Connection, text

IS_OVERTAKEN: Final = "a newer mail about the order was sent meanwhile"
# A confirmation has no version: whatever else happened to the order came after it.
FIRST: Final = -1

_EXISTS = text("""
    SELECT EXISTS (
        SELECT FROM messages AS m JOIN intents AS i ON i.id = m.intent_id
        WHERE m.order_id = :order_id AND m.person_id = :person_id AND m.state = 'sent'
            AND m.kind IN ('order_changed', 'order_cancelled')
            AND CAST(i.data ->> 'version' AS bigint) > :version)
""")


def overtaken(connection: Connection, order_id: str, person_id: str, version: int = FIRST) -> str | None:
    """Return why a mail that tells this version of an order has nothing to say any more; None while it has."""
    values = {"order_id": order_id, "person_id": person_id, "version": version}
    return IS_OVERTAKEN if connection.scalar(_EXISTS, values) else None

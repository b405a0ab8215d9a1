"""Reminders that were withdrawn because their store ordered, and that are due again because it took its order back."""

import structlog
from mercadito_events.envelope import Event
from sqlalchemy import Connection, text

from notify.kinds.reminder import KIND, about_store
from notify.readings import ChangedOrder
from notify.recipients.ordered import HAS_ORDERED, has_ordered, note_cancellation

_log = structlog.get_logger(__name__)

# Only what was withdrawn: a reminder that was sent, or that its reader does not want, stays as it is.
_BRING_BACK = text("""
    UPDATE messages AS m
    SET state = 'queued', reason = NULL, due_at = now(), settled_at = NULL, updated_at = now()
    FROM intents AS i
    WHERE i.key = :key AND m.intent_id = i.id AND m.state = 'suppressed' AND m.reason = :reason AND m.expires_at > now()
""")


def order_cancelled(connection: Connection, event: Event) -> None:
    """Note a cancellation; a store that is left without an order, and was not reminded yet, may be."""
    note_cancellation(connection, event)
    order = ChangedOrder.of(event.data)
    if order.cycle_id is None or has_ordered(connection, order.cycle_id, order.store_id):
        return
    key = f"{KIND.name}:{about_store(order.cycle_id, order.store_id)}"
    back = connection.execute(_BRING_BACK, {"key": key, "reason": HAS_ORDERED}).rowcount
    if back:
        _log.info("reminders_due_again", event_id=event.id, mails=back)

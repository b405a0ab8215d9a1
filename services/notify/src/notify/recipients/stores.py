"""What we know of stores: what ``orders.store.changed.v1`` told last. Their people come with the contacts."""

from collections.abc import Sequence

from mercadito_events.envelope import Event
from sqlalchemy import Connection, text

from notify.day_readings import Store

_KEEP = text("""
    INSERT INTO stores (store_id, name, active, wants_reminder, told_at)
    VALUES (:store_id, :name, :active, :wants_reminder, :told_at)
    ON CONFLICT (store_id) DO UPDATE SET
        name = excluded.name, active = excluded.active, wants_reminder = excluded.wants_reminder,
        told_at = excluded.told_at, updated_at = now()
    WHERE stores.told_at IS NULL OR stores.told_at <= excluded.told_at
""")
_TO_REMIND = text("""
    SELECT asked.store_id, coalesce(s.name, '') AS name
    FROM unnest(CAST(:store_ids AS text[])) WITH ORDINALITY AS asked (store_id, place)
    LEFT JOIN stores s ON s.store_id = asked.store_id
    WHERE coalesce(s.active AND s.wants_reminder, true) ORDER BY asked.place
""")


def change_store(connection: Connection, event: Event) -> None:
    """Keep what the event says, unless a later one was told: one that could not be handled may be handled again."""
    connection.execute(_KEEP, Store.of(event.data).model_dump() | {"told_at": event.time})


def to_remind(connection: Connection, store_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return those of the stores that want to be reminded, with their names; a store we know nothing of wants it."""
    return [(row.store_id, row.name) for row in connection.execute(_TO_REMIND, {"store_ids": list(store_ids)})]

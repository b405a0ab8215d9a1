"""Which market series matter here: those that offers of the hub follow, and those whose offers a store ordered."""

from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection, text

from notify.market.readings import BoughtLines, MarketOffers

KEPT = timedelta(weeks=8)
"""So long an offer that was not listed again, and what a store ordered, still counts."""
FORGET_BATCH = 1_000

_KEEP = text("""
    INSERT INTO market_offers AS known
        (offer_id, series_id, name, name_es, market_pack, market_pack_es, told_at)
    VALUES (:offer_id, :series_id, :name, :name_es, :market_pack, :market_pack_es, :told_at)
    ON CONFLICT (offer_id) DO UPDATE SET series_id = excluded.series_id, name = excluded.name,
        name_es = excluded.name_es, market_pack = excluded.market_pack, market_pack_es = excluded.market_pack_es,
        told_at = excluded.told_at
    WHERE known.told_at <= excluded.told_at
""")
_BOUGHT = text("""
    INSERT INTO store_series AS known (store_id, series_id, ordered_at)
    SELECT DISTINCT :store_id, series_id, CAST(:at AS timestamptz) FROM market_offers
    WHERE offer_id = ANY (CAST(:offers AS text[])) ORDER BY series_id
    ON CONFLICT (store_id, series_id) DO UPDATE SET ordered_at = excluded.ordered_at
    WHERE known.ordered_at < excluded.ordered_at
""")
_FORGET = (
    text("""
    DELETE FROM market_offers WHERE offer_id IN (
        SELECT offer_id FROM market_offers WHERE told_at < now() - :kept LIMIT :batch)
    """),
    text("""
    DELETE FROM store_series WHERE (store_id, series_id) IN (
        SELECT store_id, series_id FROM store_series WHERE ordered_at < now() - :kept LIMIT :batch)
    """),
)


def keep_offers(connection: Connection, event: Event) -> None:
    """Remember which offers of an opening follow a market series, and what both are called."""
    listed = sorted(MarketOffers.of(event.data).price_list, key=lambda offer: offer.offer_id)
    offers = [offer.model_dump() | {"told_at": event.time} for offer in listed if offer.series_id is not None]
    if offers:
        connection.execute(_KEEP, offers)


def keep_bought(connection: Connection, event: Event) -> None:
    """Remember of which series a store ordered something; an offer that no opening listed is not known here."""
    order = BoughtLines.of(event.data)
    offers = [line.offer_id for line in order.lines if line.quantity]
    if offers:
        connection.execute(_BOUGHT, {"store_id": order.store_id, "at": event.time, "offers": offers})


def forget_assortment(connection: Connection) -> None:
    """Delete a batch of what was not told again for long."""
    for statement in _FORGET:
        connection.execute(statement, {"kept": KEPT, "batch": FORGET_BATCH})

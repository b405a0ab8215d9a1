"""A market in the tests: offers that follow series, orders of them, and what the reports said."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mercadito_events.envelope import Event, new_event
from notify.market.assortment import keep_bought, keep_offers
from notify.market.quotes import keep_quotes
from notify.market.schedule import WEEKDAYS
from sqlalchemy import Connection

ZONE = ZoneInfo("America/Los_Angeles")
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
Prices = dict[str, tuple[int, int]]
"""For a product the price of a week before and that of now, in cents."""


def today() -> date:
    return datetime.now(ZONE).date()


def due_now() -> str:
    """A time of the week that has just come, as the settings have it."""
    now = datetime.now(ZONE) - timedelta(minutes=1)
    return f"{WEEKDAYS[now.weekday()]} {now:%H:%M}"


def series(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def opened(*names: str, **changes: Any) -> Event:
    offers = [
        {
            "offer_id": f"offer-{name}",
            "name": name,
            "name_es": f"{name} (es)",
            "pack": "half carton",
            "unit_price_cents": 1,
            "series_id": series(name),
            "market_pack": "40 lb cartons",
            "market_pack_es": "cajas de 40 lb",
        }
        for name in names
    ]
    data = {"cycle_id": "c1", "cutoff_at": LATER, "delivery_on": "2026-12-01", "price_list": offers, "offers_total": 9}
    return new_event("orders.cycle.opened.v1", data | changes, source="/mercadito/orders")


def bought(store_id: str, *names: str, quantity: int = 1, subject: str = "orders.order.placed.v1") -> Event:
    lines = [{"offer_id": f"offer-{name}", "quantity": quantity} for name in names]
    return new_event(subject, {"store_id": store_id, "lines": lines}, source="/mercadito/orders")


def recorded(on: date, prices: dict[str, int | None]) -> Event:
    quotes = [
        {
            "series_id": series(name),
            "commodity": name,
            "date": on.isoformat(),
            "reference": None if cents is None else f"{cents // 100}.{cents % 100:02}",
        }
        for name, cents in prices.items()
    ]
    data = {"report_id": "2306", "market": "Los Angeles", "report_date": on.isoformat(), "quotes": quotes}
    return new_event("usda.price.recorded.v1", data, source="/mercadito/usda")


def reports(prices: Prices, until: date | None = None) -> list[Event]:
    """What the reports said a week before and now, and in the weeks before that."""
    on = (until or today()) - timedelta(days=1)
    told = [recorded(on - timedelta(days=ago), {name: pair[0] for name, pair in prices.items()}) for ago in (21, 14, 7)]
    return [*told, recorded(on, {name: pair[1] for name, pair in prices.items()})]


def know_market(
    connection: Connection, prices: Prices, *, buys: dict[str, Sequence[str]] | None = None, until: date | None = None
) -> None:
    """Bring it all into the database, as its events do."""
    keep_offers(connection, opened(*prices))
    for each in reports(prices, until):
        keep_quotes(connection, each, today=lambda: until or today())
    for store_id, names in (buys or {}).items():
        keep_bought(connection, bought(store_id, *names))

"""A market day to draw pages of: people, stores, offers with quotes fresh and stale, limited and not."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from orders.adapters.passwords import Argon2Passwords

PASSWORD = "mercadito-demo"
TODAY = date(2026, 1, 8)
_SPACE = uuid.UUID("6f0f9b1c-2f64-4b8e-9d62-0a4a5d3c7a10")

STORES = (
    ("Lupita's Market", "Boyle Heights"),
    ("La Esperanza Mini Mart", "Boyle Heights"),
    ("Crenshaw Corner", "South LA"),
    ("Vermont Village Grocery & Childcare Center", "South LA"),
    ("Tienda El Sol", "South LA"),
)
# name, name_es, category, pack, price, available, remaining, most per store, day of the quote (None: no quote)
OFFERS = (
    ("Avocados, Hass", "Aguacate Hass", "Fruit", "cartons 2 layer, 48s", 4250, 40, 12, None, date(2026, 1, 8)),
    ("Bananas", "Plátano", "Fruit", "40 lb cartons", 2475, 60, 58, None, date(2026, 1, 8)),
    ("Limes, seedless", "Limón sin semilla", "Fruit", "40 lb cartons, 200s", 3625, 20, 3, None, date(2026, 1, 7)),
    ("Mangoes, Ataulfo", "Mango Ataulfo", "Fruit", "cartons 1 layer, 14s", 1350, 25, 0, None, date(2026, 1, 8)),
    ("Oranges, navel", "Naranja navel", "Fruit", "7/10 bushel cartons, 88s", 2450, None, None, None, date(2026, 1, 8)),
    ("Strawberries", "Fresa", "Fruit", "flats 8 1-lb containers with lids", 2300, 30, 22, 4, date(2025, 12, 19)),
    ("Broccoli", "Brócoli", "Vegetables", "cartons, bunched 14s", 2650, 20, 20, None, date(2026, 1, 8)),
    ("Cactus leaf (nopales)", "Nopales", "Vegetables", "35 lb crates", 2750, 15, 9, None, None),
    ("Chayote, green", "Chayote verde", "Vegetables", "40 lb cartons", 2600, 12, 12, None, date(2026, 1, 8)),
    ("Cilantro", "Cilantro", "Vegetables", "cartons bunched, 60s", 2425, 50, 44, None, date(2026, 1, 8)),
    ("Peppers, jalapeño type", "Chile jalapeño", "Vegetables", "30 lb cartons, medium", 3150, 18, 7, None, date(2026, 1, 8)),
    ("Tomatoes, Roma", "Jitomate roma", "Vegetables", "25 lb cartons, large", 2175, 80, 61, None, date(2026, 1, 8)),
)


def identity(*parts: object) -> str:
    """Return the same id for the same thing each time."""
    return str(uuid.uuid5(_SPACE, "/".join(map(str, parts))))


def person_id(email: str) -> str:
    return identity("person", email)


def store_id(number: int) -> str:
    return identity("store", number)


def offer_id(name: str, cycle: str = "open") -> str:
    return identity("offer", cycle, name)


def fill(connection: Connection, *, buyers: int = 5) -> None:
    """Write everyone: staff, and one buyer a store (1, 3, 5 read Spanish)."""
    password_hash = Argon2Passwords().hash(PASSWORD)
    for number, (name, route) in enumerate(STORES[:buyers], 1):
        _insert(connection, "stores", id=store_id(number), name=name, route=route, stop=number)
        email = f"buyer{number}@mercadito.example"
        locale = "es" if number % 2 else "en"
        _person(connection, email, f"Buyer {number}", locale, "buyer", password_hash)
        _insert(connection, "store_people", store_id=store_id(number), person_id=person_id(email))
    _person(connection, "staff@mercadito.example", "Sam Staff", "en", "staff", password_hash)


def open_cycle(
    connection: Connection, *, hours_left: float = 6, state: str = "open", opens_in_h: float = -24, extra: int = 0
) -> str:
    """Write a market day with its offers; what is no longer there was ordered by store 5. `extra` adds more offers."""
    now = datetime.now(UTC)
    cycle_id = identity("cycle", state)
    cutoff = now + timedelta(hours=hours_left)
    _insert(
        connection, "cycles", id=cycle_id, name="Friday market", state=state,
        opens_at=min(now + timedelta(hours=opens_in_h), cutoff - timedelta(hours=1)), cutoff_at=cutoff,
        delivery_on=(cutoff + timedelta(days=1)).date(),
    )  # fmt: skip
    more = ((f"Product {n}", f"Producto {n}", "Other", "25 lb sacks", 900 + n, 9, 9, None, TODAY) for n in range(extra))
    for row in (*OFFERS, *more):
        _offer(connection, cycle_id, state, row)
    if state == "open":
        _ordered_by_store_5(connection, cycle_id)
    return cycle_id


def _ordered_by_store_5(connection: Connection, cycle_id: str) -> None:
    taken = [row for row in OFFERS if row[5] is not None and row[5] != row[6]]
    order_id, total = identity("order", 5), sum(row[4] * (row[5] - row[6]) for row in taken)
    _insert(
        connection, "orders", id=order_id, cycle_id=cycle_id, store_id=store_id(5), state="placed", version=1,
        total_cents=total,
    )  # fmt: skip
    for position, row in enumerate(taken):
        _insert(
            connection, "order_lines", order_id=order_id, position=position, offer_id=offer_id(row[0]), name=row[0],
            name_es=row[1], pack=row[3], quantity=row[5] - row[6], unit_price_cents=row[4],
        )  # fmt: skip
    connection.execute(
        text(
            "INSERT INTO audit (entity, entity_id, action, person_id, role, changes) VALUES ('order', :id, 'placed',"
            " :person, 'buyer', '[]')"
        ),
        {"id": order_id, "person": person_id("buyer5@mercadito.example")},
    )


def _offer(connection: Connection, cycle_id: str, state: str, row: tuple[Any, ...]) -> None:
    name, name_es, category, pack, price, available, remaining, most, quoted_on = row
    series = identity("series", name)
    connection.execute(
        text(
            "INSERT INTO products (id, name, name_es, category, pack, series_id) VALUES (:id, :name, :name_es, :category,"
            " :pack, :series) ON CONFLICT (id) DO NOTHING"
        ),
        {"id": identity("product", name), "name": name, "name_es": name_es, "category": category, "pack": pack,
         "series": series},
    )  # fmt: skip
    _insert(
        connection, "offers", id=offer_id(name, state), cycle_id=cycle_id, product_id=identity("product", name),
        unit_price_cents=price, available=available, remaining=remaining, max_per_store=most,
    )  # fmt: skip
    if quoted_on:
        connection.execute(
            text(
                "INSERT INTO series_quotes (series_id, market, report_id, commodity, variety, package, size, organic,"
                " quoted_on, low, high, reference) VALUES (:id, 'Los Angeles', '2306', :name, 'N/A', :pack, 'N/A', false,"
                " :on, :price, :price, :price) ON CONFLICT (series_id) DO NOTHING"
            ),
            {"id": series, "name": name, "pack": pack, "on": quoted_on, "price": price / 100},
        )


def _person(connection: Connection, email: str, name: str, locale: str, role: str, password_hash: str) -> None:
    _insert(
        connection, "people", id=person_id(email), email=email, name=name, locale=locale, role=role,
        password_hash=password_hash,
    )  # fmt: skip


def _insert(connection: Connection, table: str, **values: Any) -> None:
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)

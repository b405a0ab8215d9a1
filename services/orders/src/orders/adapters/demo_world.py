"""The demo world, written so that a second run changes nothing: every id is derived from a name."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from orders.adapters import demo_sql as sql
from orders.adapters.availability import is_repeatable, lent, unavailable
from orders.adapters.transactions import SqlUnitOfWork
from orders.application import clock, facts
from orders.application.catalogue import Choice
from orders.domain.planning import short_name, usual_packing_at
from orders.domain.pricing import suggested_price_cents

NAMESPACE = UUID("6d9f5f3e-7a30-4f0b-9d0c-2f4f6a1f7d11")
PEOPLE = (
    ("staff", "Rosa Delgado", "en", None),
    ("buyer1", "Lupe Hernández", "es", 1),
    ("buyer2", "Kevin Park", "en", 2),
    ("buyer3", "Mario Ortiz", "es", 3),
    ("buyer4", "Denise Carter", "en", 4),
    ("buyer5", "Elena Quispe", "es", 5),
)
STORES = (
    ("Abarrotes La Esperanza", "Boyle Heights", 1),
    ("Vermont Corner Market", "South LA", 1),
    ("Mercadito El Sol", "Boyle Heights", 2),
    ("Florence Ave Groceries", "South LA", 2),
    ("Carnicería Los Ángeles", "Boyle Heights", 3),
)
OPEN_FOR = timedelta(hours=6)
ENOUGH_LEFT = timedelta(hours=2)
MIN_OFFERS = 30
PAST_CYCLES = 3
MARKUP = Decimal("0.12")
PERISHABLE_YIELD = Decimal("0.95")
PERISHABLE = frozenset({"leafy greens", "herbs", "fruit"})


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Makes the parts of the world, each in one transaction with its events.

    All raise `Unavailable` where the same may succeed in a moment.
    """

    engine: Engine
    time_zone: ZoneInfo

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with lent(self.engine) as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            if not is_repeatable(error):
                raise
            raise unavailable(error) from error

    def people(self, password_hash: str) -> int:
        """Make stores and people that are missing; return how many rows were made."""
        with self._transaction() as connection:
            unit = SqlUnitOfWork(connection)
            made = sum(self._store(connection, number) for number in range(1, len(STORES) + 1))
            made += sum(self._person(connection, person, password_hash) for person in PEOPLE)
            if made:
                for store in unit.people.stores():
                    unit.publish(facts.store_changed(store))
                for contact in unit.people.contacts():
                    unit.publish(facts.contact_changed(contact, self.time_zone.key))
            unit.flush()
        return made

    def has_open_cycle(self) -> bool:
        """Tell whether a market day with enough offers and two hours left is open."""
        with self._transaction() as connection:
            values = {"left_s": ENOUGH_LEFT.total_seconds(), "offers": MIN_OFFERS}
            return connection.scalar(sql.HAS_OPEN_CYCLE, values) is not None

    def products(self, choices: Sequence[Choice]) -> None:
        """Make the products, or tie them to the series that fit now."""
        with self._transaction() as connection:
            connection.execute(sql.PRODUCT, [_product(choice) for choice in choices])

    def open_cycle(self, choices: Sequence[Choice]) -> int:
        """Open a market day at suggested prices, and close what is left of older ones; return its offers."""
        with self._transaction() as connection:
            unit = SqlUnitOfWork(connection)
            now = unit.now()
            connection.execute(sql.END_OLD_CYCLES)
            clock.close_due(unit)
            cutoff = now + OPEN_FOR
            cycle_id = self._cycle(connection, state="scheduled", opens_at=now - timedelta(minutes=1), cutoff_at=cutoff)
            connection.execute(sql.OFFER, [_offer(cycle_id, place, choice) for place, choice in enumerate(choices)])
            clock.open_due(unit)
            unit.flush()
        return len(choices)

    def past(self, choices: Sequence[Choice]) -> int:
        """Write a few past market days with delivered orders, unless there are any; return how many."""
        with self._transaction() as connection:
            if connection.scalar(sql.HAS_PAST_CYCLES) or not choices:
                return 0
            now = SqlUnitOfWork(connection).now()
            for week in range(PAST_CYCLES, 0, -1):
                self._past_cycle(connection, now - timedelta(weeks=week), choices, random.Random(week))
        return PAST_CYCLES

    def _store(self, connection: Connection, number: int) -> int:
        name, route, stop = STORES[number - 1]
        values = {"id": _id(f"store {number}"), "name": name, "route": route, "stop": stop}
        return connection.execute(sql.STORE, values).rowcount

    def _person(self, connection: Connection, person: tuple[str, str, str, int | None], password_hash: str) -> int:
        account, name, locale, store = person
        values = {
            "id": _id(f"person {account}"),
            "email": f"{account}@mercadito.example",
            "name": name,
            "locale": locale,
            "role": "staff" if store is None else "buyer",
            "hash": password_hash,
        }
        made = connection.execute(sql.PERSON, values).rowcount
        if made and store is not None:
            connection.execute(sql.OWNS, {"store_id": _id(f"store {store}"), "person_id": values["id"]})
        return made

    def _cycle(self, connection: Connection, *, state: str, opens_at: datetime, cutoff_at: datetime) -> str:
        delivery_on = cutoff_at.astimezone(self.time_zone).date() + timedelta(days=1)
        cycle_id = str(uuid4())
        connection.execute(
            sql.CYCLE,
            {
                "id": cycle_id,
                "name": short_name(delivery_on),
                "state": state,
                "opens_at": opens_at,
                "cutoff_at": cutoff_at,
                "delivery_on": delivery_on,
                "packing_at": usual_packing_at(delivery_on, cutoff_at, self.time_zone),
            },
        )
        return cycle_id

    def _past_cycle(
        self, connection: Connection, cutoff_at: datetime, choices: Sequence[Choice], chance: random.Random
    ) -> None:
        cycle_id = self._cycle(connection, state="done", opens_at=cutoff_at - timedelta(hours=30), cutoff_at=cutoff_at)
        offers = [{**_offer(cycle_id, place, choice), "available": None} for place, choice in enumerate(choices)]
        connection.execute(sql.OFFER, offers)
        for number in range(1, len(STORES) + 1):
            wanted = chance.sample(list(zip(offers, choices, strict=True)), min(8, len(choices)))
            order = {
                "id": str(uuid4()),
                "cycle_id": cycle_id,
                "store_id": _id(f"store {number}"),
                "placed_at": cutoff_at - timedelta(minutes=chance.randint(5, 600)),
            }
            _past_order(connection, order, wanted, chance)


def _past_order(
    connection: Connection,
    order: dict[str, Any],
    wanted: Sequence[tuple[dict[str, Any], Choice]],
    chance: random.Random,
) -> None:
    lines = [
        {
            "order_id": order["id"],
            "position": position,
            "offer_id": offer["id"],
            "name": choice.item.name,
            "name_es": choice.item.name_es,
            "pack": choice.pack,
            "quantity": chance.randint(1, 6),
            "unit_price_cents": offer["unit_price_cents"],
        }
        for position, (offer, choice) in enumerate(wanted)
    ]
    total = sum(line["quantity"] * line["unit_price_cents"] for line in lines)
    connection.execute(sql.PAST_ORDER, {**order, "total": total})
    connection.execute(sql.LINE, lines)
    for action, days in (("placed", 0), ("delivered", 1)):
        values = {"id": order["id"], "at": order["placed_at"] + timedelta(days=days), "action": action}
        connection.execute(sql.PAST_AUDIT, values)


def _product(choice: Choice) -> dict[str, Any]:
    return {
        "id": _product_id(choice),
        "name": choice.item.name,
        "name_es": choice.item.name_es,
        "category": choice.item.category,
        "pack": choice.pack,
        "series_id": choice.quote.series_id,
        "yield_share": _yield(choice),
        "markup": MARKUP,
    }


def _offer(cycle_id: str, place: int, choice: Choice) -> dict[str, Any]:
    """Price an offer as suggested; two of three are limited, and a few of those per store as well."""
    price = suggested_price_cents(
        choice.quote.reference, units_per_package=Decimal(1), yield_share=_yield(choice), markup=MARKUP
    )
    limited = place % 3 != 2  # noqa: PLR2004 - two of three
    return {
        "id": str(uuid4()),
        "cycle_id": cycle_id,
        "product_id": _product_id(choice),
        "unit_price_cents": price,
        "available": 20 + (place * 7) % 41 if limited else None,
        "max_per_store": 12 if limited and place % 10 == 9 else None,  # noqa: PLR2004 - one of ten
    }


def _yield(choice: Choice) -> Decimal:
    return PERISHABLE_YIELD if choice.item.category in PERISHABLE else Decimal(1)


def _product_id(choice: Choice) -> str:
    return _id(f"product {choice.item.name}")


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE, name))

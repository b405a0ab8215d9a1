"""Writes the seeded world: whatever is there already is left alone, so that it may be interrupted and run again."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from orders.adapters import seed_sql as sql
from orders.adapters.seed_sql import row
from orders.application import seed_plan as plan
from orders.application.seed_plan import PastDay, PastOrder, Person, Product, Scale

BATCH_ROWS = 1_000
# PostgreSQL works on two days while the third is worked out here.
AT_ONCE = 2
AHEAD = AT_ONCE + 1
OPEN_FOR = timedelta(days=3)
ENOUGH_LEFT = timedelta(hours=2)
MOST_OPENED = 1_000
MARKUP = Decimal("0.12")
YIELD = Decimal("0.95")

Told = Callable[[int], None]
"""Is called with the number of orders, products … that a committed batch brought, or found to be there."""


@dataclass(frozen=True, slots=True)
class SeedWorld:
    """Makes the parts of a world, each batch a transaction of its own. The engine lends `AT_ONCE` + 1 connections."""

    engine: Engine
    time_zone: ZoneInfo
    usda_today: date | None

    def now(self) -> datetime:
        """Return the database's clock."""
        with self.engine.connect() as connection:
            return cast("datetime", connection.execute(sql.CLOCK).scalar_one())

    def people(self, scale: Scale, password_hash: str, told: Told) -> None:
        """Write stores and their people."""
        stores = [plan.store(scale, number) for number in range(scale.stores)]
        with self.engine.begin() as connection:
            held = sql.held(connection, "stores", [store.id for store in stores])
            fresh = [store for store in stores if store.id not in held]
            sql.copy(connection, sql.STORES, (row(s.id, s.name, s.route, s.stop) for s in fresh))
            everyone = list(plan.people(scale))
            held = sql.held(connection, "people", [person.id for person in everyone])
            new = [person for person in everyone if person.id not in held]
            sql.copy(connection, sql.PEOPLE, (_person_row(person, password_hash) for person in new))
            owned = [row(stores[number].id, person.id) for person in new for number in person.stores]
            sql.copy(connection, sql.OWNERS, owned)
        told(scale.stores)

    def market(self, scale: Scale, told: Told) -> None:
        """Write each series' last month, latest quote and forecast, as of today."""
        today = self.usda_today or self.now().astimezone(self.time_zone).date()
        for first in range(0, scale.series, BATCH_ROWS):
            batch = range(first, min(first + BATCH_ROWS, scale.series))
            month = {number: plan.quotes(scale, number, today) for number in batch}
            with self.engine.begin() as connection:
                ids = [_series_id(scale, number) for number in batch]
                for statement in sql.FORGET_SERIES:
                    connection.execute(statement, {"ids": ids})
                latest = (_quote_row(scale, number, points[-1]) for number, points in month.items())
                sql.copy(connection, sql.QUOTES, latest)
                sql.copy(connection, sql.DAYS_OF_SERIES, _history_rows(scale, month))
                forecasts = (_forecast_row(scale, number, points[-1]) for number, points in month.items())
                sql.copy(connection, sql.FORECASTS, forecasts)
            told(len(batch))

    def products(self, scale: Scale, told: Told) -> list[Product]:
        """Write the products and return all of them, in order."""
        made = [plan.product(scale, number) for number in range(scale.products)]
        for first in range(0, scale.products, BATCH_ROWS):
            batch = made[first : first + BATCH_ROWS]
            with self.engine.begin() as connection:
                held = sql.held(connection, "products", [product.id for product in batch])
                rows = (_product_row(scale, product) for product in batch if product.id not in held)
                sql.copy(connection, sql.PRODUCTS, rows)
            told(len(batch))
        return made

    def past(self, scale: Scale, products: Sequence[Product], told: Told) -> None:
        """Write the past market days, a transaction each, two at a time; an older order still has a smaller number."""
        now = self.now()
        stores = [plan.store(scale, number).id for number in range(scale.stores)]
        waiting: set[Future[int]] = set()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for day in self._missing_days(scale, products, now, told):
                    numbers = self._numbers(len(day.orders))
                    waiting.add(pool.submit(self._past_day, day, products, stores, numbers))
                    if len(waiting) >= AHEAD:
                        waiting = _settle(waiting, told)
                while waiting:
                    waiting = _settle(waiting, told)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def open_day(self, scale: Scale, products: Sequence[Product], told: Told) -> str | None:
        """Open a market day unless one that was seeded has two hours left; return its name, or None."""
        with self.engine.begin() as connection:
            now = connection.execute(sql.CLOCK).scalar_one()
            for opened in range(MOST_OPENED):
                cycle_id = plan.seed_id(scale.seed, scale.offers, "open", opened)
                cutoff = connection.execute(sql.CUTOFF, {"id": cycle_id}).scalar()
                if cutoff is None:
                    break
                if cutoff > now + ENOUGH_LEFT:
                    told(scale.offers)
                    return None
            cutoff_at = now + OPEN_FOR
            sql.copy(connection, sql.CYCLES, [self._cycle_row(cycle_id, "open", now, cutoff_at)])
            offers = (
                row(offer.id, cycle_id, products[offer.product].id, offer.price_cents, stock, stock, 1)
                for offer, stock in plan.open_offers(scale, opened, products)
            )
            sql.copy(connection, sql.OFFERS, offers)
        told(scale.offers)
        return self._name(cutoff_at)

    def _missing_days(self, scale: Scale, products: Sequence[Product], now: datetime, told: Told) -> Iterator[PastDay]:
        """Work out the days that are not there yet; those that are count as done."""
        with self.engine.connect() as connection:
            ids = [plan.past_day_id(scale, number) for number in range(scale.past_days)]
            held = sql.held(connection, "cycles", ids)
        for number in range(scale.past_days):
            if ids[number] in held:
                told(scale.orders_on(number))
            else:
                yield plan.past_day(scale, number, products, now)

    def _numbers(self, count: int) -> list[int]:
        """Draw order numbers ahead, so that an older order has a smaller one though two days are written at once."""
        with self.engine.connect() as connection:
            return list(connection.execute(sql.NUMBERS, {"count": count}).scalars())

    def _past_day(
        self, day: PastDay, products: Sequence[Product], stores: Sequence[str], numbers: Sequence[int]
    ) -> int:
        names = [_copied(products[offer.product]) for offer in day.offers]
        opened_at = day.cutoff_at - plan.OPEN_BEFORE_CUTOFF
        with self.engine.begin() as connection:
            sql.copy(connection, sql.CYCLES, [self._cycle_row(day.id, "done", opened_at, day.cutoff_at)])
            sql.copy(connection, sql.OFFERS, _past_offer_rows(day, products))
            placed = sorted(day.orders, key=lambda order: -order.minutes_before_cutoff)
            rows = (_order_row(day, order, stores, number) for order, number in zip(placed, numbers, strict=True))
            sql.copy(connection, sql.ORDERS, rows)
            sql.copy(connection, sql.LINES, _line_rows(day, names))
            sql.copy(connection, sql.AUDIT, _audit_rows(day))
        return len(day.orders)

    def _cycle_row(self, cycle_id: str, state: str, opens_at: datetime, cutoff_at: datetime) -> str:
        return row(cycle_id, self._name(cutoff_at), state, opens_at, cutoff_at, self._delivery(cutoff_at))

    def _delivery(self, cutoff_at: datetime) -> date:
        return cutoff_at.astimezone(self.time_zone).date() + timedelta(days=1)

    def _name(self, cutoff_at: datetime) -> str:
        return f"Seeded {self._delivery(cutoff_at).isoformat()}"


def _settle(waiting: set[Future[int]], told: Told) -> set[Future[int]]:
    """Wait until at least one day is committed, and tell."""
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for each in done:
        told(each.result())
    return rest


def _series_id(scale: Scale, number: int) -> str:
    return plan.seed_id(scale.seed, "series", number)


def _person_row(person: Person, password_hash: str) -> str:
    return row(person.id, person.email, person.name, person.locale, person.role, password_hash)


def _product_row(scale: Scale, made: Product) -> str:
    series = _series_id(scale, made.series)
    return row(made.id, made.name, made.name_es, made.category, made.pack, series, YIELD, MARKUP, made.case_size)


def _quote_row(scale: Scale, number: int, last: plan.Point) -> str:
    of = plan.product(scale, number * plan.PRODUCTS_PER_SERIES)
    commodity, _, variety = of.name.partition(", ")
    named = ("LOS ANGELES", "seeded", commodity.upper(), variety, of.pack, "", "f")
    return row(_series_id(scale, number), *named, last.on, last.low, last.high, last.reference)


def _history_rows(scale: Scale, month: dict[int, list[plan.Point]]) -> Iterator[str]:
    for number, points in month.items():
        series = _series_id(scale, number)
        for point in points:
            yield row(series, point.on, point.low, point.high, point.reference)


def _forecast_row(scale: Scale, number: int, last: plan.Point) -> str:
    points = [
        {
            "date": (last.on + timedelta(days=ahead)).isoformat(),
            "value": str(last.reference),
            "low": str(last.reference - ahead),
            "high": str(last.reference + ahead),
        }
        for ahead in range(1, plan.FORECAST_DAYS + 1)
    ]
    return row(_series_id(scale, number), last.on, None, "seeded", json.dumps(points), Decimal("0.8"))


def _past_offer_rows(day: PastDay, products: Sequence[Product]) -> Iterator[str]:
    """Yield the offers, two of three limited: what was there is what went and what was left."""
    for place, (offer, sold) in enumerate(zip(day.offers, day.sold(), strict=True)):
        left = None if place % 3 == 2 else place % 20  # noqa: PLR2004 - two of three
        available = None if left is None else sold + left
        yield row(offer.id, day.id, products[offer.product].id, offer.price_cents, available, left, 2)


def _order_row(day: PastDay, order: PastOrder, stores: Sequence[str], number: int) -> str:
    placed_at = day.cutoff_at - timedelta(minutes=order.minutes_before_cutoff)
    total = sum(quantity * day.offers[place].price_cents for place, quantity in order.lines)
    state = "cancelled" if order.cancelled else "delivered"
    return row(order.id, number, day.id, stores[order.store], state, 2, total, placed_at, _ended_at(day, order))


def _line_rows(day: PastDay, names: Sequence[str]) -> Iterator[str]:
    """Yield all lines of the day: written plainly, because there are millions."""
    offers = day.offers
    for order in day.orders:
        for position, (place, quantity) in enumerate(order.lines):
            offer = offers[place]
            yield f"{order.id}\t{position}\t{offer.id}\t{names[place]}\t{quantity}\t{offer.price_cents}\n"


def _copied(made: Product) -> str:
    """Return what a line copies of its product."""
    return row(made.name, made.name_es, made.pack)[:-1]


def _audit_rows(day: PastDay) -> Iterator[str]:
    for order in day.orders:
        placed_at = day.cutoff_at - timedelta(minutes=order.minutes_before_cutoff)
        yield row(placed_at, "order", order.id, "placed", None, None, "[]", "seeded")
        action = "cancelled" if order.cancelled else "delivered"
        yield row(_ended_at(day, order), "order", order.id, action, None, None, "[]", "seeded")


def _ended_at(day: PastDay, order: PastOrder) -> datetime:
    """Return when the order was delivered, the day after, or cancelled, at the cutoff at the latest."""
    return day.cutoff_at if order.cancelled else day.cutoff_at + timedelta(hours=14)
